// A list under a pointer: while somebody uses it, nothing in it moves or goes away. Pure.

/** For this long after something happened to the list it stays as it is. */
export const HOLD_MS = 4_000;

export interface SteadyList {
  readonly ids: readonly string[];
  /** When each id was found to be no longer wanted. */
  readonly left: ReadonlyMap<string, number>;
  /** It is kept as it is, for now. */
  readonly held: boolean;
}

export const EMPTY_LIST: SteadyList = { ids: [], left: new Map(), held: false };

/**
 * The list at `now`. `wanted`: what it should have, in its order. `usedAt`: when something in it was used last. `pointed`: a pointer is
 * over it. While it is held, what is new comes last and what is no longer wanted stays.
 */
export function steady(before: SteadyList, wanted: readonly string[], usedAt: number, pointed: boolean, now: number): SteadyList {
  const known = new Set(before.ids);
  const present = new Set(wanted);
  const left = new Map(before.ids.filter((id) => !present.has(id)).map((id) => [id, before.left.get(id) ?? now]));
  const held = before.ids.length > 0 && (pointed || Math.max(usedAt, ...left.values()) > now - HOLD_MS);
  return held ? { ids: [...before.ids, ...wanted.filter((id) => !known.has(id))], left, held } : { ids: wanted, left: new Map(), held };
}
