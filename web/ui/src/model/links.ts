// Whether a link of a terminal is opened at once, asked about, or refused: its text may be another address than its target. Pure.

export type LinkVerdict =
  | { readonly kind: "open"; readonly url: string }
  /** `shown`: the address in the text, or `null` if the target itself is what deceives. */
  | { readonly kind: "ask"; readonly url: string; readonly host: string; readonly shown: string | null }
  | { readonly kind: "refuse"; readonly reason: string };

/** Schemes that open a page or a letter; others start programs, run scripts or show files. */
const SCHEMES = new Set(["https:", "http:", "mailto:", "ftp:"]);

/** Ends of names that are files more often than hosts, although most of them are top-level domains too. */
const FILE_ENDINGS = new Set(
  ("ada bat bin bz c cc cfg cljs conf cpp cs css csv dart diff doc ex exs fish gif go gz h hpp htm html ini ipynb java jpg js json jsx kt lock log lua " +
    "m md mjs mk mod mov mts nix patch pdf php pl pm png ps py rb rs scala sh so sql srt svg swift tar tex tmp toml ts tsx txt vue wasm xml yaml yml zig zip zsh")
    .split(" "),
);

/** Characters that are not seen, or turn the order of others round. */
const INVISIBLE = /[\u00ad\u034f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/** `text`: what stands in the terminal where the link is, with the word around it. */
export function judgeLink(text: string, target: string): LinkVerdict {
  let url: URL;
  try {
    url = new URL(target);
  } catch {
    return { kind: "refuse", reason: "It is no address." };
  }
  if (!SCHEMES.has(url.protocol)) return { kind: "refuse", reason: `Links that begin with “${url.protocol}” are not opened.` };
  if (url.protocol === "mailto:") return judgeMail(text, url);
  if (url.hostname === "") return { kind: "refuse", reason: "It names no host." };
  const ask = (shown: string | null): LinkVerdict => ({ kind: "ask", url: url.href, host: url.host, shown });
  const other = addressesIn(text).find((address) => !leadsTo(address, url));
  if (other !== undefined) return ask(other.text);
  // `https://bank.example@evil.example`: what looks like the host is a name to log in with.
  return url.username === "" && url.password === "" ? { kind: "open", url: url.href } : ask(null);
}

function judgeMail(text: string, url: URL): LinkVerdict {
  const recipient = decoded(url.pathname).toLowerCase();
  const other = addressesIn(text).find((address) => address.text.toLowerCase().replace(/^mailto:/, "") !== recipient);
  return other === undefined ? { kind: "open", url: url.href } : { kind: "ask", url: url.href, host: recipient, shown: other.text };
}

interface Address {
  readonly text: string;
  readonly scheme: string | null;
  readonly host: string;
  readonly port: string | null;
}

/** What looks like an address in a text. */
function addressesIn(text: string): Address[] {
  const words = text.normalize("NFKC").replace(INVISIBLE, "").split(/[\s<>()[\]{}"'`|,;…“”‘’]+/u);
  return words.map((word) => addressOf(word.replace(/[.:!?]+$/, ""))).filter((address) => address !== null);
}

function addressOf(word: string): Address | null {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(word)?.[1]?.toLowerCase() ?? null;
  const rest = scheme === null ? word.replace(/^mailto:/i, "") : word.slice(scheme.length + 3);
  const match = /^(?:([^\s/?#]*)@)?([^\s/?#@:]+)(?::(\d+))?([/?#].*)?$/u.exec(rest);
  if (match === null) return null;
  const [, user, name = "", port, path = ""] = match;
  if (scheme === null && user === undefined && !looksLikeHost(name, path, port)) return null;
  const host = asciiHost(name);
  return host === null ? null : { text: word, scheme, host, port: port ?? null };
}

/** Whether a word without a scheme is a host, rather than a file or a sentence. */
function looksLikeHost(name: string, path: string, port: string | undefined): boolean {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(name)) return true;
  if (name.toLowerCase() === "localhost") return port !== undefined || path.startsWith("/");
  if (/^www\./i.test(name)) return true;
  const ending = /^(?:[\p{L}\p{N}_-]+\.)+([\p{L}][\p{L}\p{N}-]+)\.?$/u.exec(name)?.[1]?.toLowerCase();
  if (ending === undefined) return false;
  return !FILE_ENDINGS.has(ending) || path.startsWith("/") || port !== undefined;
}

function leadsTo({ scheme, host, port }: Address, url: URL): boolean {
  if (withoutWww(host) !== withoutWww(url.hostname.replace(/\.$/, ""))) return false;
  if (scheme === "https" && url.protocol !== "https:") return false;
  const actual = url.port === "" ? { "https:": "443", "http:": "80", "ftp:": "21" }[url.protocol] : url.port;
  return port === null || port === actual;
}

function withoutWww(host: string): string {
  return host.toLowerCase().replace(/^www\./, "");
}

/** As addresses have it: lower case, other scripts in their encoded form. */
function asciiHost(name: string): string | null {
  try {
    return new URL(`http://${name}`).hostname.replace(/\.$/, "");
  } catch {
    return null;
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
