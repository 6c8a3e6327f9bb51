import type { Consumer } from 'kafkajs';
import type { ConsumerHealth } from './consumer-health.ts';

/** Reports the events of the driver to the health of its consumer. */
export function followDriver(
  consumer: Consumer,
  health: ConsumerHealth,
  on: { joined: () => void; crashed: (error: Error, restarts: boolean) => void },
): void {
  const { events } = consumer;
  for (const event of [
    events.CONNECT,
    events.DISCONNECT,
    events.FETCH_START,
    events.FETCH,
    events.REQUEST,
    events.REQUEST_TIMEOUT,
  ] as const) {
    consumer.on(event, () => health.driverActed(performance.now()));
  }
  consumer.on(events.HEARTBEAT, () => health.groupAnswered(performance.now()));
  for (const event of [events.REBALANCING, events.STOP] as const) {
    consumer.on(event, () => health.leftGroup(performance.now()));
  }
  consumer.on(events.GROUP_JOIN, () => {
    health.joinedGroup(performance.now());
    on.joined();
  });
  consumer.on(events.CRASH, ({ payload }) => {
    health.leftGroup(performance.now());
    on.crashed(payload.error, payload.restart);
  });
}
