import { studentIdOf } from '../activity/learner.ts';
import type { Partition } from '../kafka/client/records.ts';
import type { InactivityEvent } from './inactivity-event.ts';
import type { KpiUpdatedEvent } from './kpi-updated-event.ts';

/** The topics of own events, as people name them. */
export const EVENT_TOPICS = ['inactivity', 'kpi-updated'] as const;
export type EventTopic = (typeof EVENT_TOPICS)[number];

/** A record of such a topic, decoded. */
export type OwnEvent =
  | { readonly kind: 'inactivity'; readonly event: InactivityEvent }
  | { readonly kind: 'kpi-updated'; readonly event: KpiUpdatedEvent }
  | { readonly kind: 'undecodable'; readonly detail: string };

export interface PublishedEvent extends Partition {
  readonly offset: string;
  /** When the broker has received it; milliseconds since the epoch. */
  readonly publishedAtMs: number;
  readonly content: OwnEvent;
}

/** Whether an event is of the learner, in any spelling. One that cannot be decoded may be. */
export function isOfLearner(userId: string, { content }: PublishedEvent): boolean {
  switch (content.kind) {
    case 'inactivity':
      return content.event.student_id === studentIdOf(userId);
    case 'kpi-updated':
      return studentIdOf(content.event.user_id) === studentIdOf(userId);
    case 'undecodable':
      return true;
  }
}
