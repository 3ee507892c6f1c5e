// The sticky Ctrl and Alt of the phone's key bar: they hold for the next key.

export interface Modifiers {
  readonly ctrl: boolean;
  readonly alt: boolean;
}

export const NO_MODIFIERS: Modifiers = { ctrl: false, alt: false };
