// The page: list of agents and agent side by side, or one of them on a phone, and what lies above both.

import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { pageShortcut } from "../app/shortcuts";
import { AgentView } from "./agent-view";
import { useApp } from "./context";
import { Dialogs } from "./dialogs";
import { GridPage } from "./grid-page";
import { Home } from "./home";
import { LoginPage } from "./login-page";
import { MachinesPage } from "./machines-page";
import { NoticeList } from "./notice-list";
import { Sidebar } from "./sidebar";

export function Root(): JSX.Element {
  const app = useApp();
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => void pageShortcut(app, event);
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [app]);

  const connection = app.connection.value;
  if (connection.kind === "login") return <LoginPage problem={connection.problem} unknownAddress={connection.unknownAddress} />;
  const { agent: id, page, grid } = app.route.value;
  // The grid that an open agent was in stays as it is below it, so that one is back at once.
  const cells = grid ?? app.lastGrid.value;
  // On a phone the start page is a tab beside the list.
  const home = app.space.narrow.value ? null : <Home />;
  return (
    <div
      class="shell"
      data-screen={id === null && page === undefined && grid === undefined ? "list" : "agent"}
      data-stale={app.isStale.value}
      data-full-screen={app.fullScreen.value}
      style={{ "--sidebar": `${app.preferences.sidebarPx.value}px` }}
    >
      <Sidebar />
      <main class="main">
        {cells !== null && <GridPage grid={cells} hidden={grid === undefined} />}
        {grid !== undefined ? null : page === "machines" ? <MachinesPage /> : id === null ? home : <AgentView key={id} id={id} />}
      </main>
      <Dialogs />
      <NoticeList />
    </div>
  );
}
