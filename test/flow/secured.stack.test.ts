import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { studentIdOf } from '../../src/activity/learner.ts';
import { logLine, messagesIn } from '../support/machine-format.ts';
import { provokeFailures } from '../support/provoke-failures.ts';
import { createSecuredWorld, LOGINS, type SecuredWorld } from '../support/secured-world.ts';
import { step } from '../support/step.ts';
import { recordsOf } from '../support/topic-records.ts';

let world: SecuredWorld;
beforeAll(async () => {
  world = await createSecuredWorld(inject('stack'), inject('secured'));
  await world.prepare();
});
afterAll(() => world?.close());

test('with TLS and logins the main job works and logs no secret', { timeout: 600_000 }, async () => {
  await step('the main job writes the right table, events and figures', async () => {
    expect(await world.runMainJob()).toEqual({ records: 40, differing: 0, events: 23, answered: 23 });
    expect(await recordsOf(world, world.env['INACTIVITY_TOPIC'] ?? '')).toHaveLength(23);
  });

  await step('the other logins work as well', async () => {
    for (const { env, args } of LOGINS) {
      const run = await world.lastseenWith(env, ...args);
      expect(run, run.stderr).toMatchObject({ code: 0 });
    }
  });

  await step('untrusted servers and wrong passwords give one line without a secret', async () => {
    const refusals = (await world.tryRefused()).map(({ part, fault, run }) => {
      const [line = '', ...more] = messagesIn(run.stderr);
      expect(run.stderr).not.toMatch(/canary/);
      return [part, fault, run.code, line.replace(/127\.0\.0\.1:\d+/, 'HOST'), more.length];
    });
    const untrusted = (part: string, server: string, why: string) => [
      part,
      expect.any(String),
      1,
      expect.stringMatching(`^lastseen [a-z ]+: no safe connection to ${server}: its certificate ${why}`),
      0,
    ];
    expect(refusals).toEqual([
      ['kafka', 'wrong password', 1, expect.stringMatching('Kafka denied access: .* invalid credentials'), 0],
      ['registry', 'wrong password', 1, expect.stringMatching('the schema registry .* denied access'), 0],
      [
        'postgres',
        'wrong password',
        1,
        expect.stringMatching(/Postgres \(DATABASE_URL\) refuses the connection: password authentication failed/),
        0,
      ],
      ...['has expired', 'is for another host name'].flatMap((why) => [
        untrusted('kafka', 'broker HOST', why),
        untrusted('registry', 'the schema registry https://HOST', why),
        untrusted('postgres', 'Postgres \\(DATABASE_URL\\)', why),
      ]),
      ['kafka', 'no client certificate', 1, expect.stringMatching('whether it requires a client certificate'), 0],
      [
        'postgres',
        'no TLS',
        1,
        expect.stringMatching(/Postgres \(DATABASE_URL\) refuses the connection: .* no encryption/),
        0,
      ],
      untrusted('postgres', 'Postgres \\(DATABASE_URL\\)', 'is signed by an untrusted authority'),
    ]);
  });

  await step("no log line and no reason of a dead letter contains a secret or a row's data", async () => {
    expect(await provokeFailures(world)).toEqual({ undecodable: 3, failed: 1, outages: 1, mistakes: 4 });
    const letters = [
      ...(await recordsOf(world, world.env['TRACK_DLQ_TOPIC'] ?? '')),
      ...(await recordsOf(world, world.env['RECOMPUTE_DLQ_TOPIC'] ?? '')),
    ];
    expect(letters.length).toBeGreaterThanOrEqual(4);
    for (const { headers } of letters) {
      const ours = Object.entries(headers ?? {}).filter(([name]) => name.startsWith('lastseen.'));
      expect(ours.map(String).join('\n')).not.toMatch(/canary/);
    }
    const logs = world.logs.join('\n');
    expect(logs).toMatch(logLine('kafka_client_logged'));
    expect(logs.split('\n').filter((line) => line.includes('canary'))).toEqual([]);
    for (let n = 1; n <= 40; n++) expect(logs).not.toContain(studentIdOf(`canary-user-${n}`));
  });
});
