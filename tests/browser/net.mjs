// Machines on networks of their own: network namespaces of this one machine, with a router between them (as `tests/src/net` has them).

import { execFileSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";

const run = (program, args, input = "") => execFileSync(program, args, { input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });

/** Why there can be no such machines here; `false` if there can. */
export const noMachines =
  process.platform !== "linux" ? "network namespaces: only Linux has them" : process.getuid() !== 0 && "network namespaces: only root may make them";

/** A network of its own, which lasts as long as it is open here or a process runs in it. */
class Namespace {
  static #count = 0;

  constructor() {
    const name = `consort-browser-${process.pid}-${Namespace.#count++}`;
    run("ip", ["netns", "add", name]);
    this.file = openSync(`/run/netns/${name}`);
    // The open file keeps it; the name would only outlive a test that is killed.
    run("ip", ["netns", "delete", name]);
    this.path = `/proc/${process.pid}/fd/${this.file}`;
    this.ip("link set lo up");
  }

  /** The words that start a program in it. */
  get enter() {
    return ["nsenter", `--net=${this.path}`];
  }

  run(program, args, input) {
    const [enter, ...words] = this.enter;
    return run(enter, [...words, program, ...args], input);
  }

  ip(lines) {
    this.run("ip", ["-batch", "-"], lines);
  }

  close() {
    closeSync(this.file);
  }
}

export class Net {
  #router = new Namespace();
  #faults = new Map();

  /** So many machines that all reach each other. */
  constructor(count) {
    this.#router.run("sh", ["-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"]);
    this.machines = Array.from({ length: count }, (_, number) => {
      const machine = new Namespace();
      const [own, router] = [`10.0.${number}.2`, `10.0.${number}.1`];
      this.#router.ip(`link add m${number} type veth peer name eth0 netns ${machine.path}\naddress add ${router}/24 dev m${number}\nlink set m${number} up\n`);
      machine.ip(`address add ${own}/24 dev eth0\nlink set eth0 up\nroute add default via ${router}\n`);
      return machine;
    });
    // The system takes up to a second to say that a line is there, and till then nobody listens on it.
    while (!this.machines.every((machine) => machine.run("ip", ["-brief", "link", "show", "dev", "eth0"]).includes(" UP "))) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
    this.#apply();
  }

  /** What happens between two machines, in both directions: "drop", or "reject with tcp reset" of every connection. */
  cut(one, other, fault) {
    this.#faults.set(`${one} ${other}`, fault).set(`${other} ${one}`, fault);
    this.#apply();
  }

  heal(one, other) {
    this.#faults.delete(`${one} ${other}`);
    this.#faults.delete(`${other} ${one}`);
    this.#apply();
  }

  #apply() {
    const rules = [...this.#faults].map(([pair, fault]) => {
      const [from, to] = pair.split(" ");
      return `iifname m${from} oifname m${to} meta l4proto tcp ${fault}\n`;
    });
    const chain = `chain pairs {\ntype filter hook forward priority 0\n${rules.join("")}}`;
    this.#router.run("nft", ["-f", "-"], `add table ip faults\ndelete table ip faults\ntable ip faults {\n${chain}\n}\n`);
  }

  close() {
    for (const machine of [this.#router, ...this.machines]) machine.close();
  }
}
