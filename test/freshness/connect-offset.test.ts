import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { readCommittedOffset } from '../../src/freshness/connect-client.ts';
import {
  type CommittedOffset,
  compareOffset,
  type OffsetEvidence,
  offsetBehind,
  offsetBroken,
  offsetChanges,
  offsetEvidence,
} from '../../src/freshness/connect-offset.ts';
import type { Lsn } from '../../src/postgres/database.ts';
import { parseLsn } from '../../src/postgres/lsn.ts';

const lsn = (text: string) => text as Lsn;
const RUNNING: CommittedOffset = {
  connector: 'c',
  state: 'RUNNING',
  hasTasks: true,
  isSnapshot: false,
  lsn: parseLsn(lsn('1/20')),
  newestAt: undefined,
};
const compare = (
  offset: Partial<CommittedOffset>,
  more: { position?: string; current?: string; before?: string } = {},
) =>
  compareOffset(
    { ...RUNNING, ...offset },
    {
      position: lsn(more.position ?? '1/10'),
      current: lsn(more.current ?? '1/30'),
      before: more.before === undefined ? undefined : parseLsn(lsn(more.before)),
    },
  );

describe('a committed offset', () => {
  it('is past a position that lies before it, and not past an equal one', () => {
    expect(compare({})).toEqual({ kind: 'past' });
    expect(compare({}, { position: '1/20' })).toEqual({ kind: 'behind', connector: 'c', state: 'RUNNING', bytes: 0n });
    const behind = compare({ state: 'PAUSED' }, { position: '1/24' });
    expect(offsetBroken(behind)).toEqual([]);
    expect(offsetBehind(behind)).toEqual([expect.stringMatching(/connector c \(PAUSED\) .* 4 bytes behind/)]);
  });

  it.each([
    ['of a snapshot', { isSnapshot: true }, {}, /snapshot of connector c is not complete/],
    ['without a transaction', { lsn: undefined }, {}, /has committed no offset/],
  ])('%s is waited for', (_, offset, more, reason) => {
    const evidence = compare(offset, more);
    expect(offsetBroken(evidence)).toEqual([]);
    expect(offsetBehind(evidence)).toEqual([expect.stringMatching(reason)]);
  });

  it.each([
    ['of a stopped connector', { state: 'STOPPED' }, {}, /connector c is STOPPED/],
    ['that went back', {}, { before: '1/21' }, /went back to 1\/20 from 1\/21/],
    ['that went back to a snapshot', { isSnapshot: true }, { before: '1/21' }, /went back/],
    ['that was deleted', { lsn: undefined }, { before: '1/20' }, /was deleted from 1\/20/],
    ['past the end of the log', {}, { current: '1/1F' }, /1\/20 is past the end of the server's log, 1\/1F/],
  ])('%s is not fresh, and not waited for', (_, offset, more, reason) => {
    const evidence = compare(offset, more);
    expect(offsetBroken(evidence)).toEqual([expect.stringMatching(reason)]);
    expect(offsetBehind(evidence)).toEqual([]);
  });
});

describe('a committed offset at two looks', () => {
  const STORED: OffsetEvidence = { connector: 'c', isStopped: false, lsn: 0x20n };
  const changes = (seen: Partial<OffsetEvidence>, stored: Partial<OffsetEvidence> = {}) =>
    offsetChanges({ ...STORED, ...stored }, { offset: { ...STORED, ...seen }, flushLsn: 0x30n });

  it.each<[string, Partial<OffsetEvidence>, Partial<OffsetEvidence>]>([
    ['if it moved with the connector', { lsn: 0x30n }, {}],
    ['if it moved after the connector was resumed', { lsn: 0x30n }, { isStopped: true }],
    ['if it moved until the connector was stopped', { lsn: 0x30n, isStopped: true }, {}],
    ['if nothing changed, also past the end of the log of a standby', { lsn: 0x40n }, { lsn: 0x40n }],
    ['if it began', {}, { lsn: null }],
  ])('was not changed %s', (_, seen, stored) => {
    expect(changes(seen, stored)).toEqual([]);
  });

  it('cannot be compared with one that was not read', () => {
    expect(offsetChanges(null, { offset: STORED, flushLsn: 0n })).toEqual([]);
    expect(offsetChanges(STORED, { offset: null, flushLsn: 0n })).toEqual([]);
  });

  it.each<[string, Partial<OffsetEvidence>, Partial<OffsetEvidence>, RegExp]>([
    ['back', { lsn: 0x1fn }, {}, /of connector c went back to 0\/1F from 0\/20/],
    ['to nothing', { lsn: null }, {}, /was deleted; it was 0\/20/],
    ['past the end of the log', { lsn: 0x31n }, {}, /was set to 0\/31, past the end of the server's log, 0\/30/],
    [
      'while it was stopped',
      { lsn: 0x21n, isStopped: true },
      { isStopped: true },
      /0\/21 from 0\/20 while it was stopped/,
    ],
    ['from nothing while it was stopped', { isStopped: true }, { isStopped: true, lsn: null }, /0\/20 from none while/],
  ])('was changed %s', (_, seen, stored, change) => {
    expect(changes(seen, stored)).toEqual([expect.stringMatching(change)]);
  });

  it('is that of a stopped connector only after its tasks are gone, because they commit at their end', () => {
    expect(offsetEvidence({ ...RUNNING, state: 'STOPPED' }).isStopped).toBe(false);
    expect(offsetEvidence({ ...RUNNING, state: 'STOPPED', hasTasks: false }).isStopped).toBe(true);
    expect(offsetEvidence({ ...RUNNING, hasTasks: false }).isStopped).toBe(false);
  });
});

describe('reading it from Kafka Connect', () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  const connector = (state: string) => ({
    status: { connector: { state }, tasks: [] },
    info: { config: { 'topic.prefix': 'p', 'slot.name': 's', 'database.password': 'canary' } },
  });

  async function connect(connectors: Record<string, unknown>, offsets: unknown): Promise<string> {
    server = createServer(({ url }, response) => {
      const found = url?.startsWith('/connectors?')
        ? connectors
        : url === '/connectors/my%20one/offsets'
          ? offsets
          : undefined;
      response.statusCode = found === undefined ? 404 : 200;
      response.end(JSON.stringify(found ?? { error_code: 404, message: 'HTTP 404 Not Found' }));
    });
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }
  const ours = { topicPrefix: 'p', slotName: 's' };
  const read = async (offsets: unknown, connectors: Record<string, unknown> = { 'my one': connector('RUNNING') }) =>
    readCommittedOffset(await connect(connectors, offsets), 4_000, ours);
  const offsetOf = (offset: unknown) => ({
    offsets: [
      { partition: { server: 'earlier' }, offset: { lsn_commit: 1 } },
      { partition: { server: 'p' }, offset },
    ],
  });

  it('takes the last complete transaction, of the current topic prefix', async () => {
    const offset = {
      lsn_proc: 97500059999,
      lsn_commit: 97500059720,
      lsn: 97500059999,
      ts_usec: 1773637200000001,
      messageType: 'INSERT',
    };
    await expect(read(offsetOf(offset))).resolves.toEqual({
      connector: 'my one',
      state: 'RUNNING',
      hasTasks: false,
      isSnapshot: false,
      lsn: 97500059720n,
      newestAt: 1_773_637_200_000_001n,
    });
  });

  it.each([true, 'INITIAL', 'last'])('recognizes a snapshot marked %s', async (snapshot) => {
    await expect(read(offsetOf({ lsn: 5, snapshot }))).resolves.toMatchObject({ isSnapshot: true, lsn: undefined });
  });

  it('has no position if there is no offset, or if it was deleted', async () => {
    await expect(read({ offsets: [] })).resolves.toMatchObject({ lsn: undefined, isSnapshot: false });
    await expect(read(offsetOf(null))).resolves.toMatchObject({ lsn: undefined });
  });

  it('refuses a position that a number cannot hold', async () => {
    await expect(read(offsetOf({ lsn_commit: 2 ** 60 }))).rejects.toThrow(/has no offsets/);
  });

  it('names an interface without offsets, and connectors that are not exactly one', async () => {
    await expect(read(undefined)).rejects.toThrow(
      'my one/offsets has no offsets (status 404); it needs Kafka Connect 3.6',
    );
    await expect(read({ offsets: [] }, {})).rejects.toThrow('0 connectors have slot.name s');
    await expect(read({ offsets: [] }, { a: connector('RUNNING'), b: connector('RUNNING') })).rejects.toThrow(
      '2 connectors have slot.name s',
    );
  });
});
