//! `consort allow`: by which other addresses the dashboard may be opened.

use super::api::{Api, Origins};
use super::failure::Failure;
use super::output;
use consort_web::auth::Site;

pub(crate) fn run(api: &Api, site: Option<&Site>, remove: bool) -> Result<(), Failure> {
    match site.map(Site::url) {
        None => output::text(&listed(&api.origins()?)),
        Some(url) if remove => {
            api.disallow(&url)?;
            output::line(&format!("{url} is no longer allowed."))
        }
        Some(url) => {
            api.allow(&url)?;
            output::line(&format!("The dashboard may be opened at {url} from now on. Load that page again."))
        }
    }
}

fn listed(origins: &Origins) -> String {
    let mut out = String::new();
    for url in &origins.own {
        out.extend([url, "  always\n"]);
    }
    for origin in &origins.origins {
        out.extend([origin.url.as_str(), if origin.fixed { "  by --origin\n" } else { "  allowed\n" }]);
    }
    out
}
