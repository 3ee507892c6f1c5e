// What the address bar says: `#/agent/ID` or `#/agent/ID/TERMINAL`, or `#/machines`. Pure.

export interface Route {
  readonly agent: string | null;
  readonly terminal: number | null;
  readonly page?: "machines";
}

export const HOME: Route = { agent: null, terminal: null };
export const MACHINES: Route = { agent: null, terminal: null, page: "machines" };

export function parseRoute(hash: string): Route {
  if (hash === "#/machines") return MACHINES;
  const match = /^#\/agent\/([^/]+)(?:\/(\d+))?$/.exec(hash);
  if (match?.[1] === undefined) return HOME;
  try {
    return { agent: decodeURIComponent(match[1]), terminal: match[2] === undefined ? null : Number(match[2]) };
  } catch {
    return HOME;
  }
}

export function formatRoute({ agent, terminal, page }: Route): string {
  if (agent === null) return page === undefined ? "#/" : `#/${page}`;
  return `#/agent/${encodeURIComponent(agent)}${terminal === null ? "" : `/${terminal}`}`;
}

/** The login token of `#token=…`, or `null`. */
export function tokenInHash(hash: string): string | null {
  const token = new URLSearchParams(hash.replace(/^#\/?/, "")).get("token");
  return token === null || token === "" ? null : token;
}
