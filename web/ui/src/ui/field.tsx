// A field of a form: its label, and below it what is wrong with it or a hint.

import type { ComponentChildren, JSX } from "preact";

export function Field(props: { label: string; id: string; problem?: string; hint?: ComponentChildren; children: ComponentChildren }): JSX.Element {
  const { label, id, problem = "", hint, children } = props;
  return (
    <div class="field">
      <label class="label" for={id}>{label}</label>
      {children}
      {problem === "" ? hint : <span class="field-error" role="alert">{problem}</span>}
    </div>
  );
}
