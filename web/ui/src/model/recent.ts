// The agents that were looked at last, newest first, with their names: they are remembered when the agent is gone. Pure.

export interface Recent {
  readonly id: string;
  readonly name: string;
}

const MOST = 50;

export function lookedAt(list: readonly Recent[], { id, name }: Recent): readonly Recent[] {
  const first = list[0];
  if (first !== undefined && first.id === id && first.name === name) return list;
  return [{ id, name }, ...list.filter((recent) => recent.id !== id)].slice(0, MOST);
}

export function isRecentList(value: unknown): value is readonly Recent[] {
  return Array.isArray(value) && value.every((item: Partial<Recent> | null) => typeof item?.id === "string" && typeof item.name === "string");
}
