//! The endpoints about where the dashboard is reached: links, and the origins that the user has allowed.

use super::body::{self, parse};
use super::{Api, Audit, Link};
use crate::auth::{Allowed, InvalidSite, ORIGINS, Site, Sites};
use crate::http::{Clock, Head, Problem, Response};
use serde_json::json;

impl Api {
    /// A fresh login by every address of the dashboard; `url` is the one for the node's own machine.
    pub(super) fn link(&self, clock: Clock) -> Response {
        let links = self.login_links(clock);
        let url = links.first().map(|link: &Link| link.url.clone());
        Response::json(200, &json!({ "url": url, "links": links }))
    }

    /// The origins that the user has allowed, and the addresses that the node answers to without that.
    pub(super) fn origins(&self, status: u16) -> Response {
        let sites = self.gate.sites();
        let allowed = sites.allowed().iter();
        let allowed: Vec<_> =
            allowed.map(|allowed| json!({ "url": allowed.site.url(), "fixed": allowed.fixed })).collect();
        Response::json(status, &json!({ "origins": allowed, "own": sites.own_urls() }))
    }

    pub(super) async fn allow_origin(&self, head: &Head<'_>, body: &[u8]) -> Result<Response, Problem> {
        let site = origin(head, body)?;
        let _changing = self.changing_origins.lock().await;
        let mut sites = self.gate.sites().clone();
        let url = site.url();
        sites.allow(site, false);
        if sites.allowed().len() > ORIGINS {
            let hint = "Remove one that is no longer used.";
            return Err(Problem::new(409, "too-many", format!("{ORIGINS} addresses are allowed already."), hint));
        }
        self.change_origins(sites.allowed()).await?;
        self.replace_allowed(sites);
        self.node.audit(Audit::OriginAllowed { url: &url });
        Ok(self.origins(201))
    }

    pub(super) async fn disallow_origin(&self, head: &Head<'_>, body: &[u8]) -> Result<Response, Problem> {
        let site = origin(head, body)?;
        let _changing = self.changing_origins.lock().await;
        let mut sites = self.gate.sites().clone();
        if !sites.disallow(&site) {
            let fixed = sites.allowed().iter().any(|allowed| allowed.site == site);
            return Err(if fixed {
                let message = format!("{} was allowed when the node was started.", site.url());
                Problem::new(409, "fixed", message, "Start the node without that --origin.")
            } else {
                Problem::new(404, "not-found", format!("{} is not among the allowed addresses.", site.url()), "")
            });
        }
        self.change_origins(sites.allowed()).await?;
        self.replace_allowed(sites);
        self.node.audit(Audit::OriginRemoved { url: &site.url() });
        Ok(self.origins(200))
    }

    /// The names of the machine may have changed meanwhile: only what is allowed is taken over.
    fn replace_allowed(&self, changed: Sites) {
        self.gate.sites_mut().replace_allowed(changed);
    }

    /// Stores first: what cannot be kept is not allowed for a while only.
    async fn change_origins(&self, allowed: &[Allowed]) -> Result<(), Problem> {
        let kept: Vec<String> =
            allowed.iter().filter(|allowed| !allowed.fixed).map(|allowed| allowed.site.url()).collect();
        Ok(self.node.keep_origins(kept).await?)
    }
}

fn origin(head: &Head<'_>, body: &[u8]) -> Result<Site, Problem> {
    let url = parse::<body::Origin>(head, body)?.url;
    url.parse().map_err(|error: InvalidSite| {
        let hint = "Copy it from the browser's address bar, up to the # if there is one.";
        Problem::invalid(format!("{error}."), hint)
    })
}
