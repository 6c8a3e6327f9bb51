import type { ContainerSpec, Manifests } from './manifests.ts';

export type Environment = Readonly<Record<string, string>>;

interface Origin {
  readonly manifests: Manifests;
  readonly replace: (name: string, value: string) => string;
}

/** A container's environment: from its image, then `envFrom`, then `env`. The later value wins. */
export function environmentOf({ manifests, replace }: Origin, spec: ContainerSpec, image: Environment): Environment {
  const env: Record<string, string> = { ...image };
  for (const { prefix = '', configMapRef, secretRef } of spec.envFrom ?? []) {
    const data =
      configMapRef !== undefined
        ? manifests.data('ConfigMap', configMapRef.name)
        : manifests.data('Secret', secretRef?.name ?? '');
    for (const [name, value] of Object.entries(data)) env[prefix + name] = value;
  }
  for (const { name, value, valueFrom } of spec.env ?? []) {
    const { configMapKeyRef, secretKeyRef } = valueFrom ?? {};
    if (configMapKeyRef !== undefined) env[name] = keyOf(manifests, 'ConfigMap', configMapKeyRef);
    else if (secretKeyRef !== undefined) env[name] = keyOf(manifests, 'Secret', secretKeyRef);
    else if (valueFrom === undefined) env[name] = value ?? '';
    else throw new Error(`${spec.name}: ${name} has a source that is not supported here`);
  }
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, replace(name, value)]));
}

function keyOf(
  manifests: Manifests,
  kind: 'ConfigMap' | 'Secret',
  { name, key }: { name: string; key: string },
): string {
  const value = manifests.data(kind, name)[key];
  if (value === undefined) throw new Error(`${kind} ${name} has no key ${key}`);
  return value;
}
