// What stands between a browser and a node: nginx, an ssh port forwarding, and a proxy that does what `tailscale serve` does.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttps } from "node:https";
import { request } from "node:http";
import { connect, createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { waitFor } from "./harness.mjs";

const found = (names) => names.find((name) => existsSync(name));
const NGINX = found(["/usr/sbin/nginx", "/usr/bin/nginx", "/opt/homebrew/bin/nginx"]);
const SSHD = found(["/usr/sbin/sshd"]);

/** Why there is no nginx or no sshd here; `false` if there is. */
export const noNginx = !NGINX && "nginx is not installed: make setup";
export const noSsh = (!SSHD || !found(["/usr/bin/ssh"])) && "the ssh server is not installed: make setup";

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

const listens = (port) =>
  new Promise((done) => {
    const socket = connect(port, "127.0.0.1", () => socket.destroy() && done(true)).on("error", () => done(false));
  });

/** A process with a folder of its own, both gone after `close`. */
class Front {
  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), "consort-front-"));
  }

  write(name, text) {
    const path = join(this.folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  /** A self-signed certificate for these names. */
  certificate(names) {
    const [key, cert] = [join(this.folder, "key.pem"), join(this.folder, "cert.pem")];
    const subject = `subjectAltName=${names.map((name) => `DNS:${name}`).join(",")}`;
    const options = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj", "/CN=consort-test", "-addext", subject];
    execFileSync("openssl", ["req", "-x509", ...options, "-keyout", key, "-out", cert], { stdio: "ignore" });
    return { key, cert };
  }

  async run(program, args, port) {
    let said = "";
    this.process = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.process.stdout, this.process.stderr]) stream.on("data", (data) => (said += data));
    await waitFor(`${program} to listen`, () => {
      if (this.process.exitCode !== null) throw new Error(`${program} ended: ${said}`);
      return listens(port);
    });
  }

  async close() {
    if (this.process && this.process.exitCode === null) {
      const ended = new Promise((done) => this.process.once("exit", done));
      this.process.kill("SIGTERM");
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What nginx needs for WebSockets. Beside other headers in one place: it takes those of an outer block only if the inner has none. */
export const WEB_SOCKETS = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;";

/** nginx with HTTPS; `locations`: what it does for each name, as its own configuration says it. */
export class Nginx extends Front {
  async start(locations) {
    const { key, cert } = this.certificate(Object.keys(locations));
    this.port = await freePort();
    const servers = Object.entries(locations).map(
      ([name, lines]) => `server {
        listen 127.0.0.1:${this.port} ssl;
        server_name ${name};
        ssl_certificate ${cert};
        ssl_certificate_key ${key};
        ${lines}
      }`,
    );
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${this.folder}/${name};`);
    const file = this.write(
      "nginx.conf",
      `${process.getuid() === 0 ? "user root;" : ""}
      daemon off; worker_processes 1; error_log stderr; pid ${this.folder}/pid;
      events {}
      http {
        access_log off; ${temporary.join(" ")}
        map $http_upgrade $connection_upgrade { default upgrade; "" close; }
        ${servers.join("\n")}
      }`,
    );
    await this.run(NGINX, ["-p", this.folder, "-e", "stderr", "-c", file], this.port);
    return this;
  }
}

/** `ssh -L` to a server of its own on this machine. */
export class SshForward extends Front {
  #client = new Front();

  /** `port`: where it leads to there. */
  async start(port) {
    for (const name of ["host", "user"]) {
      execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(this.folder, name)]);
    }
    const server = await freePort();
    this.port = await freePort();
    if (process.getuid() === 0) execFileSync("mkdir", ["-p", "/run/sshd"]);
    const config = this.write(
      "sshd_config",
      `ListenAddress 127.0.0.1:${server}
      HostKey ${this.folder}/host
      AuthorizedKeysFile ${this.folder}/user.pub
      StrictModes no
      UsePAM no
      PasswordAuthentication no
      PermitRootLogin prohibit-password
      PidFile none
      `,
    );
    await this.run(SSHD, ["-D", "-e", "-f", config], server);
    const options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "ExitOnForwardFailure=yes", "BatchMode=yes"];
    const words = options.flatMap((option) => ["-o", option]);
    const forward = `127.0.0.1:${this.port}:localhost:${port}`;
    await this.#client.run(
      "ssh",
      ["-F", "/dev/null", "-i", join(this.folder, "user"), ...words, "-p", `${server}`, "-N", "-L", forward, `${userInfo().username}@127.0.0.1`],
      this.port,
    );
    return this;
  }

  async close() {
    await this.#client.close();
    await super.close();
  }
}

/** Not tailscale itself, but what it is documented to do: it ends TLS, passes the tailnet's name on as Host, and says so in X-Forwarded-*. */
export class TailscaleLike extends Front {
  async start(name, port) {
    const { key, cert } = this.certificate([name]);
    const headers = (asked) => ({
      ...asked.headers,
      "x-forwarded-host": asked.headers.host,
      "x-forwarded-proto": "https",
      "x-forwarded-for": "100.64.0.9",
    });
    const pass = (asked) => request({ host: "127.0.0.1", port, method: asked.method, path: asked.url, headers: headers(asked) });
    this.server = createHttps({ key: readFileSync(key), cert: readFileSync(cert) }, (asked, answer) => {
      const passed = pass(asked).on("response", (got) => got.pipe(answer.writeHead(got.statusCode, got.headers)));
      asked.pipe(passed.on("error", () => answer.destroy()));
    });
    this.server.on("upgrade", (asked, socket) => {
      const passed = pass(asked).on("error", () => socket.destroy());
      passed.on("response", () => socket.destroy());
      passed.on("upgrade", (got, upstream, first) => {
        const lines = Object.entries(got.headers).map(([field, value]) => `${field}: ${value}\r\n`);
        socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("")}\r\n`);
        socket.write(first);
        for (const [from, to] of [[socket, upstream], [upstream, socket]]) from.on("error", () => to.destroy()).pipe(to);
      });
      passed.end();
    });
    await new Promise((done) => this.server.listen(0, "127.0.0.1", done));
    this.port = this.server.address().port;
    return this;
  }

  async close() {
    this.server.closeAllConnections();
    this.server.close();
    await super.close();
  }
}
