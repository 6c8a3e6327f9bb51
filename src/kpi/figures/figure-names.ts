/** The figures of a weekly row, by their keys in `weekly_kpi.kpis`. */
export const FIGURES = ['I_t', 'E_t', 'R_t', 'A_t', 'P', 'S'] as const;

export type FigureName = (typeof FIGURES)[number];

/** The requested figures; null if one cannot be computed. */
export type Figures = { readonly [name in FigureName]?: number | null };
