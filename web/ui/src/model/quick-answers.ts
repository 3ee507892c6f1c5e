// The keys that answer most questions of agents: what is typed is exactly what the label says.

export interface QuickAnswer {
  readonly label: string;
  readonly name: string;
  readonly text: string;
}

export const QUICK_ANSWERS: readonly QuickAnswer[] = [
  { label: "y", name: "Type y", text: "y" },
  { label: "n", name: "Type n", text: "n" },
  { label: "1", name: "Type 1", text: "1" },
  { label: "2", name: "Type 2", text: "2" },
  { label: "Enter", name: "Press Enter", text: "\r" },
];
