// Follows how a program wants keys to be reported: the kitty keyboard protocol's flags, on a stack for each screen, and
// modifyOtherKeys. Snapshots bring what the backend knows of it.

import type { IBufferNamespace, IParser } from "@xterm/xterm";
import type { KeyModes } from "./keys";

/** What is needed of the emulator. */
export interface Emulator {
  readonly parser: IParser;
  readonly buffer: IBufferNamespace;
  readonly modes: { readonly applicationCursorKeysMode: boolean };
}

const FLAGS = 0b1_1111;
/** Flags that can be pushed; more push the oldest out. */
const DEPTH = 16;

class FlagStack {
  private base = 0;
  private readonly pushed: number[] = [];

  get current(): number {
    return this.pushed.at(-1) ?? this.base;
  }

  push(flags: number): void {
    this.pushed.push(flags & FLAGS);
    if (this.pushed.length > DEPTH) this.pushed.shift();
  }

  pop(count: number): void {
    if (count > this.pushed.length) this.base = 0;
    this.pushed.splice(Math.max(0, this.pushed.length - count));
  }

  set(flags: number): void {
    if (this.pushed.length > 0) this.pushed[this.pushed.length - 1] = flags & FLAGS;
    else this.base = flags & FLAGS;
  }
}

export class KeyboardModes {
  private stacks = { normal: new FlagStack(), alternate: new FlagStack() };
  private modifyOtherKeys = 0;

  constructor(private readonly emulator: Emulator) {
    const { parser } = emulator;
    const listen = (prefix: string, final: string, heard: (first: number | undefined, second: number | undefined) => void): void => {
      parser.registerCsiHandler({ prefix, final }, (parameters) => {
        const [first, second] = parameters.map((parameter) => (typeof parameter === "number" ? parameter : parameter[0]));
        heard(first, second);
        return true;
      });
    };
    listen(">", "u", (flags) => this.stack.push(flags ?? 0));
    listen("<", "u", (count) => this.stack.pop(Math.max(1, count ?? 1)));
    listen("=", "u", (flags = 0, how) => {
      const { current } = this.stack;
      this.stack.set(how === 2 ? current | flags : how === 3 ? current & ~flags : flags);
    });
    listen(">", "m", (resource, level) => {
      if (resource === 4) this.modifyOtherKeys = Math.min(2, level ?? 0);
      else if (resource === undefined || resource === 0) this.modifyOtherKeys = 0;
    });
    listen(">", "n", (resource) => {
      if (resource === 4) this.modifyOtherKeys = 0;
    });
    parser.registerEscHandler({ final: "c" }, () => {
      this.stacks = { normal: new FlagStack(), alternate: new FlagStack() };
      this.modifyOtherKeys = 0;
      return false;
    });
  }

  get current(): KeyModes {
    return {
      flags: this.stack.current,
      modifyOtherKeys: this.modifyOtherKeys,
      applicationCursor: this.emulator.modes.applicationCursorKeysMode,
    };
  }

  private get stack(): FlagStack {
    return this.stacks[this.emulator.buffer.active.type];
  }
}
