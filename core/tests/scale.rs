//! A mesh that is too large for links between all.

mod town;

use town::Town;

#[test]
#[ignore = "a measurement: cargo test --release -p consort-core --test scale -- --ignored --nocapture"]
fn figures() {
    let count: usize = std::env::var("NODES").map_or(100, |n| n.parse().expect("a number"));
    let clock = std::time::Instant::now();
    let mut town = Town::new(count);
    for n in 1..count {
        town.pair(n / 2, n);
        town.wait(20);
    }
    eprintln!("paired at {} ms: {:?}", town.now, clock.elapsed());
    let all: Vec<usize> = (0..count).collect();
    for _ in 0..30 {
        town.wait(1_000);
        let agree = town.agree(&all);
        let least = (0..count).map(|n| town.reaches(n).len()).min();
        eprintln!(
            "{} ms: agree {agree}, least reached {least:?}, frames {}, {:?}",
            town.now,
            town.frames,
            clock.elapsed()
        );
        if agree && least == Some(count - 1) {
            break;
        }
    }
    let links = town.links();
    eprintln!(
        "links per node: {:?} to {:?}, sum {}",
        links.iter().min(),
        links.iter().max(),
        links.iter().sum::<usize>()
    );
    town.wait(60_000);
    let (bytes, frames, at) = (town.bytes, town.frames, clock.elapsed());
    town.wait(20_000);
    eprintln!("steady: {} B/s per node, {} frames", (town.bytes - bytes) / count as u64 / 20, town.frames - frames);
    eprintln!("20 s took {:?}", clock.elapsed() - at);
    let (bytes, frames, at) = (town.bytes, town.frames, clock.elapsed());
    town.agent(count / 2, 1, "a-b-c");
    let took = town.until(5_000, |town| (0..count).all(|n| town.agents(n).len() == 1));
    eprintln!(
        "an agent known by all after {took:?} ms, {} frames, {} bytes, {:?}",
        town.frames - frames,
        town.bytes - bytes,
        clock.elapsed() - at
    );
    town.kill(1);
    let at = clock.elapsed();
    let took = town.until(5_000, |town| (0..count).filter(|n| *n != 1).all(|n| town.reaches(n).len() == count - 2));
    eprintln!("a killed node known by all after {took:?} ms, {:?}", clock.elapsed() - at);
    let at = clock.elapsed();
    let bytes = town.bytes;
    let files = Default::default();
    town.restart(1, 5, files);
    town.pair(0, 1);
    let took = town.until(20_000, |town| (0..count).all(|n| town.reaches(n).len() == count - 1));
    eprintln!(
        "it is back and known by all after {took:?} ms, {} bytes, {:?}",
        town.bytes - bytes,
        clock.elapsed() - at
    );
}
