// Requests to join, as the page learns of them.

import { expect, it } from "vitest";
import { MeetingKeeper, type JoinRequest } from "../src/app/meeting-keeper";

it("tells of each request once, and again if the machine asks anew", async () => {
  const request = (id: string): JoinRequest => ({ id, short: id, name: id, from: "10.0.0.9", version: "", age_ms: 0 });
  let requests: JoinRequest[] = [];
  let watched = true;
  const told: string[] = [];
  const keeper = new MeetingKeeper(
    { meeting: () => Promise.resolve({ requests, asking: [], used: [], addresses: [], listening: [] }) },
    () => watched,
    ({ name }) => told.push(name),
  );
  for (requests of [[], [request("a")], [request("a"), request("b")], [request("b")], [request("a"), request("b")]]) await keeper.ask();
  expect(told).toEqual(["a", "b", "a"]);
  expect(keeper.requests.value.map(({ id }) => id)).toEqual(["a", "b"]);
  [watched, requests] = [false, []];
  await keeper.ask();
  expect(keeper.requests.value).toHaveLength(2);
});
