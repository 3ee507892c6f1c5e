// Gives every component the application.

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { App } from "../app/app";

export const AppContext = createContext<App | null>(null);

export function useApp(): App {
  const app = useContext(AppContext);
  if (app === null) throw new Error("a component was rendered outside of AppContext");
  return app;
}
