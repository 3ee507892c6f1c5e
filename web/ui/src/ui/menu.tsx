// A menu of commands at a place on the page. It has the keyboard while it is open and gives it back.

import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { OpenMenu } from "../app/app";
import type { Command } from "../app/commands";
import { useApp } from "./context";

const MARGIN_PX = 8;

export function MenuLayer(): JSX.Element | null {
  const menu = useApp().menu.value;
  return menu === null ? null : <Menu menu={menu} />;
}

function Menu({ menu }: { menu: OpenMenu }): JSX.Element {
  const app = useApp();
  const list = useRef<HTMLDivElement>(null);
  const items = (): HTMLElement[] => [...list.current!.querySelectorAll<HTMLElement>('[role="menuitem"]')];
  const before = useRef(document.activeElement as HTMLElement | null);
  const close = (): void => void (app.menu.value = null);

  useLayoutEffect(() => {
    const element = list.current!;
    const { width, height } = element.getBoundingClientRect();
    element.style.left = `${Math.max(MARGIN_PX, Math.min(menu.x, innerWidth - width - MARGIN_PX))}px`;
    element.style.top = `${Math.max(MARGIN_PX, Math.min(menu.y, innerHeight - height - MARGIN_PX))}px`;
    items()[0]?.focus();
  }, [menu]);
  useEffect(() => {
    const outside = (event: Event): void => {
      if (!list.current!.contains(event.target as Node)) close();
    };
    document.addEventListener("pointerdown", outside, true);
    addEventListener("resize", close);
    return () => {
      document.removeEventListener("pointerdown", outside, true);
      removeEventListener("resize", close);
    };
  }, []);

  const giveBack = (): void => {
    close();
    if (before.current?.isConnected === true) before.current.focus();
  };
  const run = (command: Command): void => {
    if ((command.refusal ?? "") !== "") return;
    giveBack();
    command.run();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const all = items();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const typed = event.key.length === 1 && event.key !== " " ? [...all.slice(at + 1), ...all.slice(0, at + 1)].find((item) => item.textContent!.toLowerCase().startsWith(event.key.toLowerCase())) : undefined;
    if (event.key === "ArrowDown") all[(at + 1) % all.length]!.focus();
    else if (event.key === "ArrowUp") all[(at - 1 + all.length) % all.length]!.focus();
    else if (event.key === "Home") all[0]!.focus();
    else if (event.key === "End") all.at(-1)!.focus();
    else if (event.key === "Escape" || event.key === "Tab") giveBack();
    else if (typed !== undefined) typed.focus();
    else if (event.key !== "Enter" && event.key !== " ") return;
    else all[at]?.click();
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div ref={list} class="menu" role="menu" aria-label={menu.label} data-testid="menu" onKeyDown={onKeyDown} onContextMenu={(event) => event.preventDefault()}>
      {menu.commands.map((command) => <Item key={command.id} command={command} run={() => run(command)} />)}
    </div>
  );
}

/** What cannot be done stays in its place and says why. */
function Item({ command, run }: { command: Command; run: () => void }): JSX.Element {
  const { id, label, keys = "", refusal = "", danger = false } = command;
  return (
    <div
      class={`menu-item ${danger ? "danger-text" : ""}`}
      role="menuitem"
      tabIndex={-1}
      data-command={id}
      aria-disabled={refusal !== ""}
      onPointerMove={(event) => event.currentTarget.focus({ preventScroll: true })}
      onClick={run}
    >
      <span class="menu-label">{label}{refusal !== "" && <span class="menu-refusal">{refusal}</span>}</span>
      {keys !== "" && <kbd>{keys}</kbd>}
    </div>
  );
}
