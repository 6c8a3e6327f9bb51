import type { Queryable, Statement } from '../src/postgres/database.ts';
import type { Plans } from './bench.ts';

/** A node of an EXPLAIN plan. */
export interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

/** Passes statements on, and reports the plan of each right before it runs. */
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
 * Two lines per name: the scans, and the whole tree. The scans change less, and show whether a statement reads more when
 * the tables are larger.
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

/** The scans of the plan, each with its table or index. */
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
