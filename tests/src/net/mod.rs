//! Machines for the tests: network namespaces of this one machine, each with an address of its own, a router between them, and
//! faults on the way from each to each.

mod namespace;

pub use namespace::Namespace;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

/// What happens to packets from one machine to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// They vanish, as when a cable is pulled.
    Drop,
    /// Connections are broken, and whoever uses or opens one is told.
    Reset,
    /// Connections that are there go on, but none can be opened: a firewall or an address translator.
    NoDial,
}

/// A machine: a place for processes.
#[derive(Clone, Debug)]
pub struct Machine {
    namespace: Arc<Namespace>,
    number: usize,
}

impl Machine {
    /// Its network.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }
}

/// Machines that reach each other through one router.
#[derive(Debug)]
pub struct Net {
    router: Namespace,
    machines: Vec<Machine>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    faults: BTreeMap<(usize, usize), Fault>,
    /// The last part of each machine's address.
    hosts: Vec<u8>,
}

/// What the last part of a machine's first address is. The router is 1.
const FIRST_HOST: u8 = 2;

impl Net {
    /// So many machines; none where they cannot be made, which is said.
    #[must_use]
    pub fn of(machines: usize) -> Option<Net> {
        unless_skipped(Net::build(machines))
    }

    /// As [`of`](Self::of), with the reason why there are none.
    ///
    /// # Errors
    /// In words for a person.
    pub fn build(count: usize) -> Result<Net, String> {
        assert!(count < 250, "a machine's number is a part of its address");
        permitted()?;
        let router = Namespace::new()?;
        router.within(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")).map_err(|error| error.to_string())?;
        let mut machines = Vec::new();
        for number in 0..count {
            let namespace = Namespace::new()?;
            let (path, side) = (namespace.path(), router_side(number));
            router.ip(&format!(
                "link add {side} type veth peer name eth0 netns {path}\n\
                 address add {}/24 dev {side}\n\
                 link set {side} up\n",
                address(number, 1)
            ))?;
            namespace.ip(&format!(
                "address add {}/24 dev eth0\nlink set eth0 up\nroute add default via {}\n",
                address(number, FIRST_HOST),
                address(number, 1)
            ))?;
            machines.push(Machine { namespace: Arc::new(namespace), number });
        }
        // The system takes up to a second to say that a line is there, and till then nobody listens on it.
        for machine in &machines {
            crate::wait_until("a line that is up", || machine.namespace.line_is_up());
        }
        let hosts = vec![FIRST_HOST; count];
        let net = Net { router, machines, state: Mutex::new(State { faults: BTreeMap::new(), hosts }) };
        net.router.nft(&rules(&BTreeMap::new()))?;
        Ok(net)
    }

    /// A machine by its number, from 0.
    #[must_use]
    pub fn machine(&self, number: usize) -> Machine {
        self.machines[number].clone()
    }

    /// The address of a machine.
    #[must_use]
    pub fn address(&self, machine: usize) -> Ipv4Addr {
        address(machine, self.state().hosts[machine])
    }

    /// Sets what happens on the way from one machine to another: in that direction only.
    pub fn one_way(&self, from: usize, to: usize, fault: Fault) {
        self.change(|faults| {
            faults.insert((from, to), fault);
        });
    }

    /// Sets what happens between two machines, in both directions.
    pub fn cut(&self, one: usize, other: usize, fault: Fault) {
        self.change(|faults| {
            faults.extend([((one, other), fault), ((other, one), fault)]);
        });
    }

    /// Sets what happens between a machine and all others.
    pub fn cut_off(&self, machine: usize, fault: Fault) {
        self.split(&[machine], fault);
    }

    /// Sets what happens between some machines and all the others.
    pub fn split(&self, some: &[usize], fault: Fault) {
        let others = |number: &usize| !some.contains(number);
        self.change(|faults| {
            for one in some {
                for other in (0..self.machines.len()).filter(others) {
                    faults.extend([((*one, other), fault), ((other, *one), fault)]);
                }
            }
        });
    }

    /// Nothing happens between two machines any more.
    pub fn heal(&self, one: usize, other: usize) {
        self.change(|faults| faults.retain(|pair, _| *pair != (one, other) && *pair != (other, one)));
    }

    /// Nothing happens to any packet any more.
    pub fn heal_all(&self) {
        self.change(BTreeMap::clear);
    }

    /// Gives a machine another address in place of the one that it has, as another Wi-Fi does.
    ///
    /// # Panics
    /// If the system refuses.
    pub fn move_to_another_address(&self, machine: usize) {
        let (before, after) = {
            let mut state = self.state();
            let before = state.hosts[machine];
            state.hosts[machine] = before + 1;
            (before, before + 1)
        };
        let lines = format!(
            "address delete {}/24 dev eth0\naddress add {}/24 dev eth0\nroute replace default via {}\n",
            address(machine, before),
            address(machine, after),
            address(machine, 1)
        );
        self.machines[machine].namespace.ip(&lines).expect("another address");
    }

    /// Bounds what a machine gets, in kilobits per second.
    ///
    /// # Panics
    /// If the system refuses.
    pub fn limit_rate(&self, machine: usize, kbit: u32) {
        let side = router_side(machine);
        let words = format!("qdisc replace dev {side} root tbf rate {kbit}kbit burst 16kb latency 400ms");
        self.router.tc(&words).expect("a slow line");
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<(usize, usize), Fault>)) {
        let mut state = self.state();
        change(&mut state.faults);
        self.router.nft(&rules(&state.faults)).expect("the rules are good");
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Two machines on one cable, who hear what is said to everybody on it; none where they cannot be made, which is said.
#[must_use]
pub fn neighbours() -> Option<[Machine; 2]> {
    let build = || {
        permitted()?;
        let (one, other) = (Namespace::new()?, Namespace::new()?);
        one.ip(&format!("link add eth0 type veth peer name eth0 netns {}", other.path()))?;
        for (namespace, host) in [(&one, FIRST_HOST), (&other, FIRST_HOST + 1)] {
            namespace.ip(&format!("address add {}/24 dev eth0\nlink set eth0 up\n", address(0, host)))?;
        }
        let machine = |namespace, number| Machine { namespace: Arc::new(namespace), number };
        Ok([machine(one, 0), machine(other, 1)])
    };
    unless_skipped(build())
}

fn permitted() -> Result<(), String> {
    if !cfg!(target_os = "linux") {
        return Err("only Linux has them".into());
    }
    if !rustix::process::geteuid().is_root() {
        return Err("only root may make them".into());
    }
    Ok(())
}

fn unless_skipped<T>(built: Result<T, String>) -> Option<T> {
    built
        .inspect_err(|why| {
            let test = std::thread::current().name().unwrap_or_default().to_string();
            // Not by the macro, whose words are kept back when a test passes.
            let _ = writeln!(std::io::stderr(), "skipped {test}: no network namespaces ({why})");
        })
        .ok()
}

/// The router's end of the line to a machine.
fn router_side(machine: usize) -> String {
    format!("m{machine}")
}

fn address(machine: usize, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, u8::try_from(machine).expect("few machines"), host)
}

/// All rules of the router, in place of those that were there.
fn rules(faults: &BTreeMap<(usize, usize), Fault>) -> String {
    let mut text = String::from(
        "add table ip faults\ndelete table ip faults\n\
         table ip faults {\n chain pairs {\n  type filter hook forward priority 0\n",
    );
    for ((from, to), fault) in faults {
        let (from, to) = (router_side(*from), router_side(*to));
        let what = match fault {
            Fault::Drop => "drop",
            Fault::Reset => "meta l4proto tcp reject with tcp reset",
            Fault::NoDial => "tcp flags & (syn | ack) == syn drop",
        };
        let _ = writeln!(text, "  iifname {from} oifname {to} {what}");
    }
    text.push_str(" }\n}\n");
    text
}

impl Machine {
    /// Its number in the network.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }
}
