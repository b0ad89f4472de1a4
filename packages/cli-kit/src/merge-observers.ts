// Several observers as one, without any cost where there is one or none. Owns nothing else; knows which members there are,
// because an observer may be an object of any class.

import type { Observer } from "@qcow/engine";
import type { NbdReports } from "./run-watch.js";

type Members<T> = readonly (keyof T & string)[];

/** The compiler holds these lists complete. */
const OBSERVER = membersOf<Observer>({
  guestOperation: true,
  guestRead: true,
  hostRead: true,
  guestWrite: true,
  guestDiscard: true,
  hostWrite: true,
  hostFlush: true,
  commit: true,
  slowIo: true,
  clusterState: true,
  diagnostic: true,
  cacheLookup: true,
});
const NBD = membersOf<NbdReports>({
  connectionOpened: true,
  connectionClosed: true,
  request: true,
  exportFailed: true,
});

/** An observer that tells all of `observers`; undefined when there is none. */
export function mergeObservers(observers: readonly (Observer | undefined)[]): Observer | undefined {
  return merge(OBSERVER, observers);
}

/** The same for the reports of an NBD server. */
export function mergeNbdReports(reports: readonly (NbdReports | undefined)[]): NbdReports | undefined {
  return merge(NBD, reports);
}

function membersOf<T>(members: Readonly<Record<keyof T, true>>): Members<T> {
  return Object.keys(members) as (keyof T & string)[];
}

function merge<T extends object>(members: Members<T>, all: readonly (T | undefined)[]): T | undefined {
  const present = all.filter((each) => each !== undefined);
  if (present.length <= 1) return present[0];
  const merged: Record<string, (event: unknown) => void> = {};
  for (const member of members) {
    const listeners = present.filter((each) => each[member] !== undefined);
    // What nobody listens to must not be there: the engine does nothing for it then.
    if (listeners.length === 0) continue;
    merged[member] = (event) => {
      for (const each of listeners) (each[member] as (event: unknown) => void).call(each, event);
    };
  }
  return merged as T;
}
