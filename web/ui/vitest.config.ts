// Unit tests run in plain Node: everything they cover is pure or takes its surroundings as arguments.
import { defineConfig } from "vitest/config";

export default defineConfig({ test: { include: ["test/**/*.test.ts"] } });
