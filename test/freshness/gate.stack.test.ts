import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { SOURCES } from '../../src/activity/source.ts';
import { restartFromSnapshot } from '../../stack/connector.ts';
import { stopAndDropSlot } from '../support/dropped-slot.ts';
import type { StartedCli } from '../support/lastseen-cli.ts';
import { openTransaction } from '../support/open-transaction.ts';
import { step } from '../support/step.ts';
import { createWorld, type World } from '../support/world.ts';

/** `track` runs all the time, and looks at capture every ten seconds. */
let world: World;
let track: StartedCli;
beforeAll(async () => {
  world = await createWorld({ env: { CONNECT_URL: inject('stack').connectUrl, FRESHNESS_PROOF: 'both' } });
  await world.prepare();
  await sql(`
INSERT INTO session (id, user_id, started_at) VALUES ('s', 'anna', now());
INSERT INTO attempt (id, student_id, completed_at) VALUES (1, gen_random_uuid(), now())`);
  await world.connect();
  track = world.start({}, 'track');
});
afterAll(() => world.close());

const sql = (text: string) => world.database.query<Record<string, unknown>>({ text });
const run = async (...args: string[]) => {
  const ended = await world.lastseen(...args);
  expect(track.process.exitCode, 'track runs').toBeNull();
  return ended;
};

/** A busy machine needs longer than the default of `--wait`. */
async function expectFresh(): Promise<void> {
  const gate = await run('fresh', '--json', '--wait', '60s');
  expect(gate, gate.stderr).toMatchObject({ code: 0 });
  expect(gate.json()).toMatchObject({ status: 'fresh', sources: SOURCES.map(() => ({ missing: [] })) });
}

/** Text and JSON name the reason; the JSON for each of these sources. */
async function expectNotFresh(
  reason: RegExp,
  { sources = SOURCES as readonly string[], wait = '1s' } = {},
): Promise<void> {
  const text = await run('fresh', '--wait', wait);
  expect(text, text.stderr).toMatchObject({ code: 75, stderr: expect.stringMatching(reason) });
  expect(text.stderr).toMatch(/^lastseen fresh: not fresh: /m);
  const json = await run('fresh', '--json', '--wait', wait);
  expect(json, json.stderr).toMatchObject({ code: 75, stderr: expect.stringMatching(reason) });
  const report = json.json<{ status: string; sources: { source: string; proven_until: null; missing: string[] }[] }>();
  expect(report.status).toBe('not_fresh');
  for (const source of sources) {
    const found = report.sources.find((each) => each.source === source);
    expect(found, source).toMatchObject({ proven_until: null });
    expect(found?.missing.join('\n'), source).toMatch(reason);
  }
}

async function repair(): Promise<void> {
  const audit = await run('audit', '--repair', '--json');
  expect(audit, audit.stderr).toMatchObject({ code: 0 });
}

const publishAttempt = async (definition: string) => {
  const { rows } = await sql(
    `SELECT string_agg(tablename, ', ') AS others FROM pg_publication_tables WHERE pubname = '${world.name}' AND tablename <> 'attempt'`,
  );
  await sql(`ALTER PUBLICATION ${world.name} SET TABLE ${rows[0]?.['others']}${definition}`);
};

test('fresh ends with 75 and the reason, and with 0 after the cause is removed', { timeout: 600_000 }, async () => {
  await step('healthy', expectFresh);

  await step('a paused connector', async () => {
    await world.pause();
    await expectNotFresh(
      new RegExp(`the connector has not delivered: .* of connector ${world.name} \\(PAUSED\\) has not`),
    );
    await world.resume();
    await expectFresh();
  });

  await step('an open transaction in a topic', async () => {
    const open = await openTransaction(world, `${world.name}.public.session`, `${world.name}-open`);
    await expectNotFresh(/session: \S+\.public\.session partition \d: an open transaction hides 1 records/, {
      sources: ['session'],
      // The records are looked for after the connector has delivered.
      wait: '15s',
    });
    await open.commit();
    await expectFresh();
  });

  await step('a table that is missing in the publication', async () => {
    await publishAttempt('');
    await expectNotFresh(
      new RegExp(`attempt: table attempt is not in publication ${world.name}, so its changes are not captured`),
      { sources: ['attempt'] },
    );
    await publishAttempt(', attempt');
    await expectNotFresh(/table public\.attempt was not always in publication .*: run `lastseen audit --repair`/);
    await repair();
    await expectFresh();
  });

  await step('a row filter of the publication', async () => {
    await publishAttempt(', attempt WHERE (id > 1)');
    await expectNotFresh(/attempt: publication \S+ has the row filter public\.attempt WHERE \(id > 1\)/, {
      sources: ['attempt'],
    });
    await publishAttempt(', attempt');
    await repair();
    await expectFresh();
  });

  await step('a column list of the publication', async () => {
    await publishAttempt(', attempt (id, student_id)');
    await expectNotFresh(/attempt: publication \S+ leaves out the columns public\.attempt\.completed_at/, {
      sources: ['attempt'],
    });
    await publishAttempt(', attempt');
    await repair();
    await expectFresh();
  });

  await step('updates that are not published', async () => {
    await sql(`ALTER PUBLICATION ${world.name} SET (publish = 'insert, delete')`);
    await expectNotFresh(new RegExp(`publication ${world.name} does not publish update`));
    await sql(`ALTER PUBLICATION ${world.name} SET (publish = 'insert, update, delete')`);
    await repair();
    await expectFresh();
  });

  await step('a transform that sends records to another topic', async () => {
    await world.connect({
      transforms: 'route',
      'transforms.route.type': 'org.apache.kafka.connect.transforms.RegexRouter',
      'transforms.route.regex': '.*[.](session)',
      'transforms.route.replacement': `${world.name}.$1`,
    });
    const topic = `${world.name}.public.session`;
    await expectNotFresh(
      new RegExp(`session: .* sends records of public.session to ${world.name}.session, not to ${topic} `),
      { sources: ['session'] },
    );
    await world.connect();
    await repair();
    await expectFresh();
  });

  await step('a slot that was created again', async () => {
    await stopAndDropSlot(inject('stack'), world);
    await restartFromSnapshot(inject('stack'), world.name);
    await expectNotFresh(/changes may not have been captured .* replication slot .*: run `lastseen audit --repair`/);
    await repair();
    await expectFresh();
  });
});
