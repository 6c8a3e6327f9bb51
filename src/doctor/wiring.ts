import { readExistingNames } from '../preflight/names-wiring.ts';
import { captureChecks, freshnessCheck } from './capture-wiring.ts';
import type { Check } from './checks.ts';
import type { Connections } from './connections-wiring.ts';
import { kafkaChecks } from './kafka-wiring.ts';
import { postgresChecks } from './postgres-wiring.ts';
import { workChecks } from './work-wiring.ts';

/** Every check of `doctor`. A check comes after those it needs. */
export function doctorChecks(connections: Connections): readonly Check[] {
  // Read once for all checks that need them.
  let names: ReturnType<typeof readExistingNames> | undefined;
  const readNames = () => {
    names ??= readExistingNames(connections, connections.kafka);
    return names;
  };
  return [
    ...postgresChecks(connections),
    ...captureChecks(connections, readNames),
    ...kafkaChecks(connections, readNames),
    ...workChecks(connections),
    freshnessCheck(connections),
  ];
}
