//! What the HTTP API may ask of this node: commands and looks go to the driver, the rest to who meets other nodes.

use crate::driver::Handle;
use crate::environment::Environments;
use crate::origins;
use crate::peers::Peers;
use consort_core::Rights;
use consort_core::error::RefusalCode;
use consort_core::input::Programs;
use consort_core::{Command, NodeId, Refusal, Reply};
use consort_web::api::{Asked, Audit, Checked, Eventually, Invite, JoinRequest, Joined, Look, Meeting, Node};
use consort_web::environment::EnvironmentReport;
use consort_web::hook::HookMessage;
use consort_web::tmux::TmuxReport;
use futures_lite::future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a command may take before its sender is told that it takes too long. It is carried out all the same.
const PATIENCE: Duration = Duration::from_secs(50);

type Auditor = Box<dyn FnMut(Audit<'_>) + Send>;

/// The node as the API sees it.
pub struct ApiNode {
    handle: Handle,
    peers: Arc<Peers>,
    environments: Environments,
    state_dir: PathBuf,
    tmux: TmuxReport,
    audit: Mutex<Auditor>,
}

impl ApiNode {
    /// The node behind `handle`, with its state in `state_dir`.
    pub fn new(
        handle: Handle,
        peers: Arc<Peers>,
        environments: Environments,
        state_dir: PathBuf,
        tmux: TmuxReport,
        audit: impl FnMut(Audit<'_>) + Send + 'static,
    ) -> Self {
        ApiNode { handle, peers, environments, state_dir, tmux, audit: Mutex::new(Box::new(audit)) }
    }
}

impl Node for ApiNode {
    fn command(&self, node: NodeId, command: Command) -> Eventually<'_, Result<Reply, Refusal>> {
        let late = async {
            async_io::Timer::after(PATIENCE).await;
            Err(Refusal {
                code: RefusalCode::Unavailable,
                message: format!("The node has not finished this within {} seconds.", PATIENCE.as_secs()),
                hint: "It goes on; look at the list of agents in a moment.".to_string(),
            })
        };
        Box::pin(future::or(self.handle.command(node, command), late))
    }

    fn read(&self, look: Look) -> Eventually<'_, ()> {
        Box::pin(async move {
            let _ = self.handle.read(look).await;
        })
    }

    fn sleep(&self, length: Duration) -> Eventually<'_, ()> {
        Box::pin(async move {
            async_io::Timer::after(length).await;
        })
    }

    fn audit(&self, event: Audit<'_>) {
        (self.audit.lock().unwrap_or_else(PoisonError::into_inner))(event);
    }

    fn invite(&self, rights: Rights) -> Eventually<'_, Result<Invite, Refusal>> {
        Box::pin(async move {
            let invited = self.peers.invite(rights).await?;
            let addresses = invited.addresses.into_iter().map(|address| address.0).collect();
            let number = hex(invited.number);
            Ok(Invite { number, code: invited.code, lifetime_s: invited.lifetime.as_secs(), addresses })
        })
    }

    fn join<'a>(&'a self, target: &'a str, rights: Rights) -> Eventually<'a, Result<Joined, Refusal>> {
        Box::pin(self.peers.join(target, rights))
    }

    fn admit(&self, node: NodeId, rights: Rights) -> Eventually<'_, Result<Reply, Refusal>> {
        Box::pin(self.peers.admit(node, rights))
    }

    fn refuse(&self, node: NodeId) -> Result<(), Refusal> {
        self.peers.refuse(node)
    }

    fn check(&self, node: NodeId) -> Eventually<'_, Result<Checked, Refusal>> {
        Box::pin(self.peers.check(node))
    }

    fn keep_origins(&self, allowed: Vec<String>) -> Eventually<'_, Result<(), Refusal>> {
        let folder = self.state_dir.clone();
        Box::pin(async move {
            let stored = smol::unblock(move || origins::store(&folder, &allowed)).await;
            stored.map_err(|error| Refusal {
                code: RefusalCode::Unavailable,
                message: format!("The list of allowed addresses cannot be stored: {error}."),
                hint: format!("Look at {}.", self.state_dir.display()),
            })
        })
    }

    fn environment(&self) -> EnvironmentReport {
        self.environments.report()
    }

    fn reload_environment(&self) -> Eventually<'_, EnvironmentReport> {
        let environments = self.environments.clone();
        Box::pin(smol::unblock(move || {
            environments.reload();
            environments.report()
        }))
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.environments.variable(name)
    }

    fn set_variable(&self, name: String, value: Option<String>) -> Eventually<'_, Result<bool, Refusal>> {
        let environments = self.environments.clone();
        let refused = |error| Refusal {
            code: RefusalCode::NotStored,
            message: format!("The variable cannot be stored: {error}."),
            hint: format!("Look at {}.", self.state_dir.display()),
        };
        Box::pin(async move {
            smol::unblock(move || environments.set_variable(&name, value.as_deref())).await.map_err(refused)
        })
    }

    fn programs(&self) -> Eventually<'_, Programs> {
        let environments = self.environments.clone();
        Box::pin(smol::unblock(move || environments.programs()))
    }

    fn handed_over(&self, caller: Vec<(String, String)>) -> Eventually<'_, Vec<(String, String)>> {
        let environments = self.environments.clone();
        Box::pin(smol::unblock(move || environments.handed_over(caller)))
    }

    fn hook(&self, message: HookMessage) {
        // Panes are numbered by their server: of another one's nothing is known here.
        let ours = self.tmux.get().socket;
        let tmux =
            message.tmux.clone().filter(|(socket, _)| ours.as_ref().is_some_and(|ours| is_same_file(ours, socket)));
        self.handle.hook(HookMessage { tmux, ..message });
    }

    fn meeting(&self) -> Meeting {
        let reach = self.peers.reach();
        let requests = self.peers.waiting().into_iter().map(|(node, request)| JoinRequest {
            node,
            name: request.card.name,
            from: request.from.to_string(),
            version: request.card.version,
            age_ms: u64::try_from(request.since.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        let asking = self.peers.asking().into_iter().map(|(node, asking)| Asked {
            node,
            name: asking.name,
            address: asking.address,
            rights: asking.rights,
        });
        Meeting {
            requests: requests.collect(),
            asking: asking.collect(),
            invites: self.peers.open_invites(),
            used: self.peers.used_invites().into_iter().map(|(number, node)| (hex(number), node)).collect(),
            addresses: reach.addresses.into_iter().map(|address| address.0).collect(),
            listening: reach.listening.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Whether two paths lead to the same file, whatever links are on the way: macOS has its `/tmp` in `/private`.
fn is_same_file(one: &str, other: &str) -> bool {
    let real = |path: &str| std::fs::canonicalize(path).ok();
    one == other || real(one).is_some_and(|one| real(other) == Some(one))
}

/// The number of an invite as it is written.
fn hex(number: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(number))
}
