import { formatInstant, type Instant, MICROS_PER_DAY } from '../activity/instant.ts';
import { json } from '../cli/tables.ts';
import { printable } from '../runtime/printable.ts';
import type { InactivityEvent } from './inactivity-event.ts';
import type { KpiUpdatedEvent } from './kpi-updated-event.ts';
import type { PublishedEvent } from './own-event.ts';

const WIDTHS = [20, 8, 36] as const;

export function eventsHead(): string {
  return line('published', 'event', 'learner', 'what');
}

/** One line for people. Learners have the width of a UUID; the last column has no end. */
export function eventLine({ topic, partition, offset, publishedAtMs, content }: PublishedEvent): string {
  const publishedAt = toSecond(BigInt(publishedAtMs) * 1000n);
  switch (content.kind) {
    case 'inactivity':
      return line(publishedAt, content.event.phase, content.event.user_id, silenceText(content.event));
    case 'kpi-updated':
      return line(publishedAt, 'KPI', content.event.user_id, figuresText(content.event));
    case 'undecodable':
      return line(publishedAt, '?', '', `${topic} partition ${partition} offset ${offset}: ${content.detail}`);
  }
}

function silenceText(event: InactivityEvent): string {
  const { phase, days_inactive, threshold_days, last_seen_at, deciding_source, as_of } = event;
  const silence = `${days_inactive} days since ${toSecond(last_seen_at)} (${deciding_source})`;
  const reason = phase === 'RETURNED' ? `back after ${silence}` : `${silence}, threshold ${threshold_days}`;
  return `${reason}, as of ${toSecond(as_of)}`;
}

function figuresText({ P, S, previous_P, previous_S, week_start, as_of }: KpiUpdatedEvent): string {
  const figures = `P ${figure(P)} (before: ${figure(previous_P)}), S ${figure(S)} (before: ${figure(previous_S)})`;
  return `${figures}, week of ${weekText(week_start)}, as of ${toSecond(as_of)}`;
}

const figure = (value: number | null) => value?.toFixed(4) ?? '–';
const toSecond = (instant: Instant) => formatInstant(instant).replace(/\.\d+Z$/, 'Z');
const weekText = (daysSinceEpoch: number) => formatInstant(BigInt(daysSinceEpoch) * MICROS_PER_DAY).slice(0, 10);

function line(...cells: readonly [string, string, string, string]): string {
  return cells.map((cell, at) => printable(cell).padEnd(WIDTHS[at] ?? 0)).join('  ');
}

/** One JSON object: the position, and the fields of the event's schema with instants and the week as text. */
export function eventJson({ topic, partition, offset, publishedAtMs, content }: PublishedEvent): string {
  const published = {
    topic,
    partition,
    offset: BigInt(offset),
    publishedAt: formatInstant(BigInt(publishedAtMs) * 1000n),
  };
  if (content.kind === 'undecodable') return json({ ...published, message: content.detail });
  const fields = instantsAsText(content.event) as object;
  const week = content.kind === 'kpi-updated' ? { week_start: weekText(content.event.week_start) } : {};
  return json({ ...published, ...fields, ...week });
}

/** All numbers of 64 bits in these events are instants. */
function instantsAsText(value: unknown): unknown {
  if (typeof value === 'bigint') return formatInstant(value);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, instantsAsText(part)]));
}
