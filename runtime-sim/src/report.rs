//! One HTML page with plots.

/// The page.
pub fn page(_nodes: u16, _seed: u64, _say: &dyn Fn(&str)) -> String {
    String::new()
}
