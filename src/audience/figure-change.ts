import type { Figures } from '../kpi/figures/figure.ts';

/** The figures that a list may show. A sweep leads to these two. */
export const LISTED_FIGURES = ['P', 'S'] as const;
export type ListedFigure = (typeof LISTED_FIGURES)[number];

/** Figures and their change, by their names in the output; null if one cannot be computed. */
export type FigureChange = { readonly [name in ListedFigure | `${ListedFigure}_change`]?: number | null };

/** The figures of an instant, and their difference to those before. */
export function figureChange(wanted: readonly ListedFigure[], now: Figures, before: Figures): FigureChange {
  return Object.fromEntries(
    wanted.flatMap((name) => {
      const [value, earlier] = [now[name] ?? null, before[name] ?? null];
      return [
        [name, value],
        [`${name}_change`, value === null || earlier === null ? null : value - earlier],
      ];
    }),
  );
}
