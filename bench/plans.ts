import type { Queryable, Statement } from '../src/postgres/database.ts';
import type { Plans } from './bench.ts';

/** A node of what EXPLAIN says. */
export interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

/** Runs statements as they are, and hands on the plan that each has just before. */
export function explaining(on: Queryable, onPlan: (plan: PlanNode) => void): Queryable {
  return {
    async query<R>(statement: Statement) {
      const { rows } = await on.query<{ 'QUERY PLAN': readonly { readonly Plan: PlanNode }[] }>({
        text: `EXPLAIN (FORMAT JSON) ${statement.text}`,
        values: statement.values ?? [],
      });
      for (const { Plan } of rows.flatMap((row) => row['QUERY PLAN'])) onPlan(Plan);
      return on.query<R>(statement);
    },
  };
}

/**
 * Two lines for each name: how tables are read, whatever for, and the whole tree. The former changes less, and tells
 * whether a statement reads more where there is more.
 */
export function describePlans(found: ReadonlyMap<string, readonly PlanNode[]>): Plans {
  return Object.fromEntries(
    [...found].flatMap(([name, plans]) => {
      const reads = [...new Set(plans.flatMap(readsOf))].sort();
      return [
        ...(reads.length === 0 ? [] : [[`reads of ${name}`, reads.join(', ')]]),
        [`plan of ${name}`, plans.map(treeOf).join('; ')],
      ];
    }),
  );
}

/** The tables of a plan. */
export function tablesOf({ 'Relation Name': table, Plans: inner = [] }: PlanNode): string[] {
  return [...new Set([...(table === undefined ? [] : [table]), ...inner.flatMap(tablesOf)])];
}

/** How the plan reads tables: each scan with its table or index. */
export function readsOf(node: PlanNode): string[] {
  const reads = /Scan$/.test(node['Node Type']) && nameOf(node) !== undefined ? [labelOf(node)] : [];
  return [...reads, ...(node.Plans ?? []).flatMap(readsOf)];
}

/** The inner nodes in brackets. */
function treeOf(node: PlanNode): string {
  const { Plans: inner = [] } = node;
  return `${labelOf(node)}${inner.length === 0 ? '' : ` (${inner.map(treeOf).join(', ')})`}`;
}

const nameOf = (node: PlanNode) => node['Index Name'] ?? node['Relation Name'];
const labelOf = (node: PlanNode) => [node['Node Type'], nameOf(node)].filter((word) => word !== undefined).join(' ');
