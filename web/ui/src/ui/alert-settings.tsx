// Notifications: of what, with sound or without, what stays quiet; and the line of the start page that offers them.

import type { JSX } from "preact";
import { beep } from "../app/beep";
import { ALERT_KINDS, withMuted, type AlertKind } from "../model/alerts";
import { useApp } from "./context";
import { Icon } from "./icons";

const WORDS: Record<AlertKind, string> = { waiting: "An agent waits for you", failed: "An agent cannot go on", done: "An agent is done" };

export function AlertSettingsPart(): JSX.Element {
  const app = useApp();
  const { alerts } = app.preferences;
  const settings = alerts.value;
  const permission = app.alerts.permission.value;
  const on = settings.on && permission === "granted";
  const kinds = (kind: AlertKind, wanted: boolean): void => {
    alerts.value = { ...settings, kinds: ALERT_KINDS.filter((each) => (each === kind ? wanted : settings.kinds.includes(each))) };
  };
  return (
    <section class="origins" data-testid="alert-settings" aria-labelledby="alerts-title">
      <h3 id="alerts-title">Notifications in this browser</h3>
      {permission === "unsupported" ? (
        <p class="dim" data-testid="alerts-unsupported">
          {window.isSecureContext ? "This browser shows no notifications of a page." : "Browsers show notifications of pages on this machine or with HTTPS only."} The title of the tab says how many agents wait.
        </p>
      ) : permission === "denied" ? (
        <p class="dim" data-testid="alerts-denied">The browser does not allow them here. Allow notifications for {location.host} in its settings of this page, then reload.</p>
      ) : !on ? (
        <div class="environment-shell">
          <p class="dim">For agents that you do not have open. Click one to open its agent.</p>
          <button class="button" type="button" data-testid="alerts-on" onClick={() => void app.alerts.switchOn()}>Turn on</button>
        </div>
      ) : (
        <>
          {ALERT_KINDS.map((kind) => (
            <label key={kind} class="check">
              <input type="checkbox" data-testid={`alert-${kind}`} checked={settings.kinds.includes(kind)} onChange={(event) => kinds(kind, event.currentTarget.checked)} />
              {WORDS[kind]}
            </label>
          ))}
          <label class="check">
            <input
              type="checkbox"
              data-testid="alert-sound"
              checked={settings.sound}
              onChange={(event) => {
                alerts.value = { ...settings, sound: event.currentTarget.checked };
                if (event.currentTarget.checked) beep();
              }}
            />
            With a sound
          </label>
          <button class="button" type="button" data-testid="alerts-off" onClick={() => (alerts.value = { ...settings, on: false })}>Turn off</button>
        </>
      )}
      {settings.muted.length > 0 && (
        <>
          <p class="dim">Muted (in the menu of an agent or a group of the list):</p>
          <ul>
            {settings.muted.map((name) => (
              <li key={name} data-testid="muted">
                <span><bdi>{name}</bdi></span>
                <button class="icon-button" type="button" title="Notify me again" aria-label={`Notify me of ${name} again`} onClick={() => (alerts.value = withMuted(settings, name, false))}>
                  <Icon name="close" />
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

/** Said once: somebody has to know that there are notifications. */
export function AlertOffer(): JSX.Element | null {
  const app = useApp();
  const { alerts, alertsDeclined } = app.preferences;
  if (alerts.value.on || alertsDeclined.value || app.alerts.permission.value !== "default") return null;
  return (
    <div class="banner" data-testid="alert-offer" role="note">
      <Icon name="bell" />
      <p>Your browser can notify you when an agent waits for you, cannot go on or is done.</p>
      <button class="button small" data-testid="alert-offer-on" onClick={() => void app.alerts.switchOn()}>Turn on</button>
      <button class="button small" onClick={() => (alertsDeclined.value = true)}>No</button>
    </div>
  );
}
