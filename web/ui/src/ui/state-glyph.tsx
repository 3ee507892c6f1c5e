// The state of an agent as a small picture: shape and colour both differ, so that either is enough.

import type { JSX } from "preact";
import type { StateKind } from "../protocol/types";

const SHAPES: Record<StateKind, JSX.Element> = {
  working: <path class="filled" d="M4 2.9c0-.9 1-1.4 1.7-.9l7 5.1c.6.4.6 1.4 0 1.8l-7 5.1c-.7.5-1.7 0-1.7-.9Z" />,
  waiting: (
    <>
      <path class="filled" d="M8 .8 15.2 8 8 15.2.8 8Z" />
      <path class="knockout" d="M8 4.6v4.2M8 11.2v.1" />
    </>
  ),
  failed: (
    <>
      <path class="filled" d="M8 1.2 15.4 14.4H.6Z" />
      <path class="knockout" d="M8 6v3.4M8 12v.1" />
    </>
  ),
  done: (
    <>
      <circle class="filled" cx="8" cy="8" r="6.4" />
      <path class="knockout" d="m5.2 8.2 2 2 3.6-4" />
    </>
  ),
  idle: <circle cx="8" cy="8" r="4.6" />,
  exited: <path d="m4.2 4.2 7.6 7.6M11.8 4.2l-7.6 7.6" />,
  unknown: <circle class="dotted" cx="8" cy="8" r="5" />,
};

export function StateGlyph({ kind }: { kind: StateKind }): JSX.Element {
  return (
    <svg class={`state-glyph state-${kind}`} viewBox="0 0 16 16" aria-hidden="true">
      {SHAPES[kind]}
    </svg>
  );
}
