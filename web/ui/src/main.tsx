// Starts the dashboard.

import "@xterm/xterm/css/xterm.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/sidebar.css";
import "./styles/agent.css";
import "./styles/dialogs.css";
import "./styles/phone.css";
import { render } from "preact";
import { App } from "./app/app";
import { AppContext } from "./ui/context";
import { Root } from "./ui/root";

const app = new App();
render(
  <AppContext.Provider value={app}>
    <Root />
  </AppContext.Provider>,
  document.getElementById("app")!,
);
void app.start();
