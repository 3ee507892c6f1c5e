//! `calibrate`: plays the same scenes in the simulator and with real processes on networks of their own, and prints both side by side.
//! Says honestly where reality is not within a quarter of what the simulator says.

mod real;
mod watch;

use consort_sim::bench::Scene;

/// Machines of the mesh.
const NODES: u16 = 10;
/// How often each scene is played.
const SAMPLES: u16 = 5;
/// What the two may differ by, in hundredths of the simulated time; …
const TOLERANCE: f64 = 25.0;
/// … or in milliseconds: less than that is how soon a busy machine wakes a process.
const RESOLUTION_MS: f64 = 5.0;

fn main() -> std::process::ExitCode {
    let mut real = match real::Mesh::new(usize::from(NODES), usize::from(SAMPLES)) {
        Ok(mesh) => mesh,
        Err(why) => {
            eprintln!("skipped: no network namespaces ({why})");
            return std::process::ExitCode::SUCCESS;
        }
    };
    let link_ms = real.link_ms();
    println!("Links of {link_ms} ms each way in the simulator, as measured between the processes.\n");
    println!(
        "| {NODES} nodes | simulated: p50, worst | real: p50, worst | real to simulated, p50 | within {TOLERANCE} % or {RESOLUTION_MS} ms |"
    );
    println!("|---|---|---|---|---|");
    let mut apart = 0;
    for scene in Scene::ALL {
        eprintln!("playing: {}", scene.words());
        let (simulated, real) = (scene.simulated(NODES, SAMPLES, link_ms), real.play(scene));
        let [expected, found] = [&simulated, &real].map(|times| times.percentile(50) as f64);
        let (ratio, apart_ms) = (found / expected.max(1.0), (found - expected).abs());
        let within = apart_ms <= RESOLUTION_MS || apart_ms * 100.0 <= TOLERANCE * expected;
        apart += u32::from(!within);
        println!(
            "| {} | {} ms, {} ms | {} ms, {} ms | {ratio:.2} | {} |",
            scene.words(),
            simulated.percentile(50),
            simulated.worst(),
            real.percentile(50),
            real.worst(),
            if within { "yes" } else { "**no**" }
        );
    }
    if apart > 0 {
        eprintln!("{apart} scenes are further apart than {TOLERANCE} %");
    }
    std::process::ExitCode::SUCCESS
}
