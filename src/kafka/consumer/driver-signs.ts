import type { Consumer } from 'kafkajs';
import type { VitalSigns } from './vital-signs.ts';

/** Records the events of the driver as signs of life. */
export function feedVitalSigns(
  consumer: Consumer,
  vitals: VitalSigns,
  on: { joined: () => void; crashed: (error: Error, restarts: boolean) => void },
): void {
  const { events } = consumer;
  for (const sign of [
    events.CONNECT,
    events.DISCONNECT,
    events.FETCH_START,
    events.FETCH,
    events.REQUEST,
    events.REQUEST_TIMEOUT,
  ] as const) {
    consumer.on(sign, () => vitals.driverActed(performance.now()));
  }
  consumer.on(events.HEARTBEAT, () => vitals.groupAnswered(performance.now()));
  for (const leaving of [events.REBALANCING, events.STOP] as const) {
    consumer.on(leaving, () => {
      vitals.driverActed(performance.now());
      vitals.leftGroup();
    });
  }
  consumer.on(events.GROUP_JOIN, ({ payload }) => {
    vitals.joined(payload.memberAssignment, performance.now());
    on.joined();
  });
  consumer.on(events.CRASH, ({ payload }) => {
    vitals.driverActed(performance.now());
    vitals.leftGroup();
    on.crashed(payload.error, payload.restart);
  });
}
