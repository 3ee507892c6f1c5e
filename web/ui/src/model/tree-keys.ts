// Where each key leads in the tree, as the ARIA tree pattern asks. Pure.

import type { Row } from "./tree";

export type TreeMove =
  | { readonly do: "focus"; readonly index: number }
  | { readonly do: "fold"; readonly group: string }
  /** All groups of the row. */
  | { readonly do: "unfold"; readonly groups: readonly string[] }
  | { readonly do: "open"; readonly agent: string };

/** What `key` does when row `index` has the focus; `null` if it does nothing. */
export function treeMove(rows: readonly Row[], index: number, key: string, pageRows: number): TreeMove | null {
  const row = rows[index];
  const last = rows.length - 1;
  if (row === undefined) return null;
  switch (key) {
    case "ArrowDown":
      return focus(Math.min(index + 1, last), index);
    case "ArrowUp":
      return focus(Math.max(index - 1, 0), index);
    case "PageDown":
      return focus(Math.min(index + pageRows, last), index);
    case "PageUp":
      return focus(Math.max(index - pageRows, 0), index);
    case "Home":
      return focus(0, index);
    case "End":
      return focus(last, index);
    case "ArrowRight":
      if (row.kind === "agent") return null;
      return row.folded ? { do: "unfold", groups: row.chain } : focus(Math.min(index + 1, last), index);
    case "ArrowLeft":
      if (row.kind === "group" && !row.folded) return { do: "fold", group: row.id };
      return focus(parentIndex(rows, index), index);
    case "Enter":
    case " ":
      if (row.kind === "agent") return { do: "open", agent: row.id };
      return row.folded ? { do: "unfold", groups: row.chain } : { do: "fold", group: row.id };
    default:
      return null;
  }
}

function focus(index: number, current: number): TreeMove | null {
  return index === current ? null : { do: "focus", index };
}

function parentIndex(rows: readonly Row[], index: number): number {
  const depth = rows[index]!.depth;
  for (let at = index - 1; at >= 0; at--) if (rows[at]!.depth < depth) return at;
  return index;
}
