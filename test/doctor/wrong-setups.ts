import { SOURCES, type Source } from '../../src/activity/source.ts';
import { rolesSql } from '../../stack/roles.ts';
import type { World } from '../support/world.ts';

export type Env = Readonly<Record<string, string>>;

/** A wrong set-up: settings, or a change of the database. */
export interface WrongSetup {
  readonly name: string;
  /** The settings that are wrong. */
  readonly env?: Env;
  readonly sql?: readonly [spoil: string, undo: string];
  /** The only check of `doctor` that is not well. */
  readonly check: string;
  /** The default is `failed`. */
  readonly status?: 'warning';
  /** What `doctor` recommends: a setting, with the value if it is known, or a command. */
  readonly remedy: readonly [setting: string, value?: string] | RegExp;
  /** What an operator sets it to. The default is what `env` overrides. */
  readonly right?: string;
  /** Which command meets it. The default is `sweep`. */
  readonly command?: readonly string[];
  /** Its exit code. */
  readonly code: number;
  /** What its line names. */
  readonly names: string | RegExp;
  /** Its other lines, if there is more to do. */
  readonly also?: readonly RegExp[];
}

const TRACK = ['track', '--until-end'];
const NOWHERE = 'nowhere.invalid';
const NO_PORT = '127.0.0.1:1';

/** @param foreign the prefix of topics of another installation on the same brokers */
export function wrongSetups(world: World, foreign: string): readonly WrongSetup[] {
  return [
    ...wrongDatabases(world),
    ...wrongServers(world),
    ...wrongNames(world, foreign),
    ...wrongTables(),
    ...wrongRights(),
    ...wrongCapture(world),
  ];
}

/** Of each of the three databases, each part of its address. */
function wrongDatabases(world: World): readonly WrongSetup[] {
  const url = urlOf(world);
  const parts = [
    ['an unknown host', url({ hostname: NOWHERE }), NOWHERE],
    ['a port that nothing listens on', url({ port: '1' }), NO_PORT],
    ['an unknown database', url({ pathname: '/nowhere' }), '"nowhere"'],
    ['an unknown role', url({ username: 'nobody' }), '"nobody"'],
    ['TLS that is not trusted', `${url({})}?sslmode=require`, 'untrusted authority'],
  ] as const;
  const settings = [
    ['DATABASE_URL', 'postgres'],
    ['SOURCE_DATABASE_URL', 'source'],
    ['SLOT_DATABASE_URL', 'slot server'],
  ] as const;
  return parts.flatMap(([what, value, named]) =>
    settings.map(([setting, check]) => ({
      name: `${setting}: ${what}`,
      env: { [setting]: value },
      check,
      remedy: [setting] as const,
      code: 1,
      names: new RegExp(`Postgres \\(${setting}\\).*${named}`),
    })),
  );
}

function urlOf({ env }: World) {
  return (part: Partial<Record<'hostname' | 'port' | 'pathname' | 'username', string>>) =>
    Object.assign(new URL(env['DATABASE_URL'] ?? ''), part).href;
}

function wrongServers(world: World): readonly WrongSetup[] {
  const registry = world.env['SCHEMA_REGISTRY_URL'] ?? '';
  const registries = [
    ['a port that nothing listens on', `http://${NO_PORT}`],
    ['an unknown host', `http://${NOWHERE}`],
    ['a wrong path', `${registry}/nowhere`],
    ['the address of Kafka Connect', world.env['CONNECT_URL'] ?? ''],
  ] as const;
  const brokers = [
    ['a port that nothing listens on', { KAFKA_BROKERS: NO_PORT }, NO_PORT],
    ['an unknown host', { KAFKA_BROKERS: `${NOWHERE}:9092` }, NOWHERE],
    ['a listener without TLS', { KAFKA_SSL_ENABLED: 'true' }, 'TLS'],
    [
      'a listener without SASL',
      { KAFKA_SASL_MECHANISM: 'PLAIN', KAFKA_SASL_USERNAME: 'u', KAFKA_SASL_PASSWORD: 'p' },
      'SASL',
    ],
  ] as const;
  return [
    ...brokers.map(([what, env, names]): WrongSetup => {
      const [setting = ''] = Object.keys(env);
      return { name: `${setting}: ${what}`, env, check: 'brokers', remedy: [setting], command: TRACK, code: 1, names };
    }),
    ...registries.map(
      ([what, value]): WrongSetup => ({
        name: `SCHEMA_REGISTRY_URL: ${what}`,
        env: { SCHEMA_REGISTRY_URL: value },
        check: 'registry',
        remedy: ['SCHEMA_REGISTRY_URL'],
        code: 1,
        names: value,
      }),
    ),
    {
      name: 'CONNECT_URL: a port that nothing listens on',
      env: { CONNECT_URL: `http://${NO_PORT}` },
      check: 'connector',
      remedy: ['CONNECT_URL'],
      code: 75,
      names: 'Kafka Connect does not answer',
    },
  ];
}

function wrongNames({ name, ...world }: World, foreign: string): readonly WrongSetup[] {
  const names = [
    ['TOPIC_PREFIX', 'nowhere', name],
    ['TOPIC_PREFIX', foreign, name],
    ['REPLICATION_SLOT', 'nowhere', name],
    ['PUBLICATION', 'nowhere', name],
    ...SOURCES.map((source) => [`TOPIC_${source.toUpperCase()}`, 'nowhere', `${name}.public.${source}`] as const),
  ] as const;
  return [
    ...names.map(
      ([setting, wrong, right]): WrongSetup => ({
        name: `${setting}: ${wrong === 'nowhere' ? 'a name that does not exist' : 'that of another installation'}`,
        env: { [setting]: wrong },
        check: 'names',
        remedy: [setting, right],
        command: setting === 'PUBLICATION' ? ['sweep'] : TRACK,
        code: 2,
        names: `set ${setting}=${right}`,
      }),
    ),
    {
      name: 'SOURCE_DATABASE_URL: a database without source tables',
      env: { SOURCE_DATABASE_URL: urlOf({ name, ...world })({ pathname: '/postgres' }) },
      check: 'source tables',
      remedy: ['SOURCE_DATABASE_URL'],
      code: 2,
      names: 'SOURCE_DATABASE_URL',
    },
    {
      name: 'KPI_LOOKBACK_DAYS: less than the threshold',
      env: { KPI_LOOKBACK_DAYS: '5' },
      check: 'thresholds',
      remedy: ['KPI_LOOKBACK_DAYS'],
      code: 2,
      names: 'lookback (5 days)',
    },
  ];
}

function wrongTables(): readonly WrongSetup[] {
  const columns = [
    ['exam_results', 'created_at'],
    ['features_topic_daily', 'last_seen_at'],
    ['attempt', 'completed_at'],
    ['session', 'started_at'],
  ] as const;
  const without = (table: Source) =>
    ({
      check: 'source tables',
      remedy: ['SOURCES'],
      right: SOURCES.filter((source) => source !== table).join(),
      code: 2,
    }) as const;
  return [
    ...SOURCES.map(
      (table): WrongSetup => ({
        ...without(table),
        name: `a missing table ${table}`,
        sql: [`ALTER TABLE ${table} RENAME TO gone`, `ALTER TABLE gone RENAME TO ${table}`],
        names: `there is no table ${table}`,
      }),
    ),
    ...columns.map(
      ([table, column]): WrongSetup => ({
        ...without(table),
        name: `a missing column ${column} of ${table}`,
        sql: [
          `ALTER TABLE ${table} RENAME COLUMN ${column} TO gone`,
          `ALTER TABLE ${table} RENAME COLUMN gone TO ${column}`,
        ],
        names: `${table} has no column ${column}`,
      }),
    ),
    {
      ...without('session'),
      name: 'learners that are numbers',
      sql: [
        'ALTER TABLE session ALTER user_id TYPE integer USING 1',
        `ALTER TABLE session ALTER user_id TYPE text USING 'u'`,
      ],
      names: 'user_id of session is of type integer',
    },
    {
      name: 'no migration was run',
      sql: [
        'ALTER SCHEMA lastseen RENAME TO gone',
        'DROP SCHEMA IF EXISTS lastseen CASCADE; ALTER SCHEMA gone RENAME TO lastseen',
      ],
      check: 'own tables',
      remedy: /-f k8s\/postgres\/roles.sql$/,
      code: 1,
      names: 'lastseen migrate',
    },
  ];
}

/** `doctor` runs as an operator. */
function wrongRights(): readonly WrongSetup[] {
  const common = { remedy: /-f k8s\/postgres\/roles.sql$/ };
  const revoke = (table: string) =>
    [`REVOKE ALL ON ${table} FROM lastseen_operator, lastseen_sweep`, rolesSql()] as const;
  return [
    {
      ...common,
      name: 'no right to a source table',
      sql: revoke('session'),
      check: 'source tables',
      code: 2,
      names: 'of session: apply k8s/postgres/roles.sql',
    },
    {
      ...common,
      name: 'no right to an own table',
      sql: revoke('lastseen.episode'),
      check: 'rights',
      // An operator need not read all that other roles read.
      status: 'warning',
      code: 1,
      names: 'episode: apply k8s/postgres/roles.sql',
    },
  ];
}

function wrongCapture({ name }: World): readonly WrongSetup[] {
  return [
    {
      name: 'a table that is not published',
      sql: [
        `ALTER PUBLICATION ${name} DROP TABLE session`,
        `ALTER PUBLICATION ${name} SET TABLE ${SOURCES.join(', ')}, debezium_heartbeat, debezium_signal`,
      ],
      check: 'publication',
      remedy: /ADD TABLE public.session/,
      code: 75,
      names: 'table session is not in publication',
      also: [/audit --repair/],
    },
    {
      name: 'updates that are not published',
      sql: [
        `ALTER PUBLICATION ${name} SET (publish = 'insert, delete')`,
        `ALTER PUBLICATION ${name} SET (publish = 'insert, update')`,
      ],
      check: 'publication',
      remedy: /SET \(publish = \$\$insert, update, delete, truncate\$\$\)/,
      code: 75,
      names: 'does not publish update',
      also: [/audit --repair/],
    },
  ];
}
