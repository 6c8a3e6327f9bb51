/** Replaces every `${NAME}` in the settings' values. Throws for a name without a value. */
export function fillPlaceholders(
  settings: Readonly<Record<string, string>>,
  values: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).map(([key, template]) => [
      key,
      template.replace(/\$\{([A-Z_]+)\}/g, (_, name: string) => {
        const value = values[name];
        if (value === undefined) throw new Error(`no value for \${${name}} in the setting ${key}`);
        return value;
      }),
    ]),
  );
}

/** The name of the replication slot and the publication: Postgres allows only these characters, at most 63. */
export function slotName(connectorName: string): string {
  return connectorName
    .toLowerCase()
    .replace(/[^a-z0-9_]/g, '_')
    .slice(0, 63);
}
