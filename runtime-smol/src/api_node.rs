//! What the HTTP API may ask of this node: commands and looks go to the driver, directories to the disk.

use crate::door::directories;
use crate::driver::Handle;
use consort_core::error::RefusalCode;
use consort_core::{Command, NodeId, Refusal, Reply};
use consort_web::api::{Audit, Listing, Look, Node};
use futures_lite::future;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a command may take before its sender is told that it takes too long. It is carried out all the same.
const PATIENCE: Duration = Duration::from_secs(10);

type Auditor = Box<dyn FnMut(Audit<'_>) + Send>;

/// The node as the API's threads see it.
pub struct ApiNode {
    handle: Handle,
    home: PathBuf,
    audit: Mutex<Auditor>,
}

impl ApiNode {
    /// The node behind `handle`, whose user's home directory is `home`.
    pub fn new(handle: Handle, home: PathBuf, audit: impl FnMut(Audit<'_>) + Send + 'static) -> Self {
        ApiNode { handle, home, audit: Mutex::new(Box::new(audit)) }
    }
}

impl Node for ApiNode {
    fn command(&self, node: NodeId, command: Command) -> Result<Reply, Refusal> {
        let late = async {
            async_io::Timer::after(PATIENCE).await;
            Err(Refusal {
                code: RefusalCode::Unavailable,
                message: format!("The node has not finished this within {} seconds.", PATIENCE.as_secs()),
                hint: "It goes on; look at the list of agents in a moment.".to_string(),
            })
        };
        async_io::block_on(future::or(self.handle.command(node, command), late))
    }

    fn read(&self, look: Look) {
        async_io::block_on(self.handle.read(look));
    }

    fn list_directory(&self, path: &str) -> Result<Listing, Refusal> {
        directories::list(&self.home, path)
    }

    fn audit(&self, event: Audit<'_>) {
        (self.audit.lock().unwrap_or_else(PoisonError::into_inner))(event);
    }
}
