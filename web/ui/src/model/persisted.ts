// Signals whose value survives a reload: preferences of this browser, never data of an agent.

import { effect, signal, type Signal } from "@preact/signals";

const PREFIX = "consort.";

/** Storage that is full, blocked or edited by hand costs the memory of a preference, nothing else. */
export function persisted<T>(key: string, initial: T, isValid: (value: unknown) => value is T): Signal<T> {
  const value = signal(readStored(key, initial, isValid));
  effect(() => writeStored(key, value.value));
  return value;
}

/** The same, also as other tabs of this browser change it. */
export function shared<T>(key: string, initial: T, isValid: (value: unknown) => value is T): Signal<T> {
  const value = persisted(key, initial, isValid);
  addEventListener("storage", (event) => {
    if (event.key === PREFIX + key && event.newValue !== JSON.stringify(value.peek())) value.value = readStored(key, initial, isValid);
  });
  return value;
}

export function readStored<T>(key: string, initial: T, isValid: (value: unknown) => value is T): T {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(PREFIX + key) ?? "null");
    return isValid(stored) ? stored : initial;
  } catch {
    return initial;
  }
}

export function writeStored(key: string, value: unknown): void {
  try {
    if (value === null) localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // Nothing to do: it works without.
  }
}

export function isOneOf<const T extends string>(...values: readonly T[]): (value: unknown) => value is T {
  return (value): value is T => values.includes(value as T);
}

export const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
export const isBoolean = (value: unknown): value is boolean => typeof value === "boolean";
export const isText = (value: unknown): value is string => typeof value === "string";
export const isTexts = (value: unknown): value is Record<string, string> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && isStrings(Object.values(value));
export const isStrings = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === "string");
