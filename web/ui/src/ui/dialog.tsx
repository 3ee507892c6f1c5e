// A modal dialog: the browser keeps the keyboard inside it and gives it back afterwards.

import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { useApp } from "./context";
import { Icon } from "./icons";

interface Props {
  readonly title: string;
  readonly testid: string;
  readonly wide?: boolean;
  /** Without the visible title: the content says what it is. */
  readonly bare?: boolean;
  readonly children: ComponentChildren;
}

export function Dialog({ title, testid, wide = false, bare = false, children }: Props): JSX.Element {
  const app = useApp();
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const element = dialog.current!;
    const before = document.activeElement as HTMLElement | null;
    element.showModal();
    return () => {
      element.close();
      if (before?.isConnected === true) before.focus();
    };
  }, []);
  const close = (): void => void (app.dialog.value = null);
  return (
    <dialog
      ref={dialog}
      class={`dialog ${wide ? "wide" : ""} ${bare ? "bare" : ""}`}
      data-testid={testid}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onPointerDown={(event) => event.target === dialog.current && bare && close()}
    >
      {!bare && (
        <header class="dialog-header">
          <h2>{title}</h2>
          <button class="icon-button" type="button" aria-label="Close" onClick={close}>
            <Icon name="close" />
          </button>
        </header>
      )}
      {children}
    </dialog>
  );
}
