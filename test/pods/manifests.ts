import { execFileSync } from 'node:child_process';
import { parseAllDocuments } from 'yaml';

/** The fields of manifests that starting a pod uses. */
interface KubeObject {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly template?: { readonly spec: PodSpec };
    readonly jobTemplate?: { readonly spec: { readonly template: { readonly spec: PodSpec } } };
  };
}

export interface PodSpec {
  readonly containers: readonly ContainerSpec[];
  readonly initContainers?: readonly ContainerSpec[];
  readonly volumes?: readonly VolumeSpec[];
  readonly terminationGracePeriodSeconds?: number;
  readonly automountServiceAccountToken?: boolean;
  readonly securityContext?: SecurityContext;
}

export interface SecurityContext {
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly runAsNonRoot?: boolean;
  readonly fsGroup?: number;
  readonly readOnlyRootFilesystem?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
}

export interface ContainerSpec {
  readonly name: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly workingDir?: string;
  readonly env?: readonly EnvVar[];
  readonly envFrom?: readonly {
    readonly prefix?: string;
    readonly configMapRef?: Reference;
    readonly secretRef?: Reference;
  }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly subPath?: string }[];
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
  readonly resources?: { readonly limits?: { readonly memory?: string } };
  readonly securityContext?: SecurityContext;
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
}

interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly configMapKeyRef?: Reference & { readonly key: string };
    readonly secretKeyRef?: Reference & { readonly key: string };
    readonly fieldRef?: { readonly fieldPath: string };
  };
}

interface Reference {
  readonly name: string;
  readonly optional?: boolean;
}

export interface VolumeSpec {
  readonly name: string;
  readonly emptyDir?: { readonly sizeLimit?: string } | null;
  readonly secret?: {
    readonly secretName: string;
    readonly defaultMode?: number;
    readonly items?: readonly { readonly key: string; readonly path: string }[];
  };
  readonly configMap?: Reference & { readonly items?: readonly { readonly key: string; readonly path: string }[] };
}

export interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: string | number };
  readonly initialDelaySeconds?: number;
  readonly periodSeconds?: number;
  readonly timeoutSeconds?: number;
  readonly failureThreshold?: number;
}

/** The resources of an overlay. */
export interface Manifests {
  /** The pod of a Deployment, Job or CronJob. */
  pod(kind: string, name: string): PodSpec;
  /** The names of all resources of a kind. */
  names(kind: string): readonly string[];
  /** The content of a ConfigMap or Secret, as text. */
  data(kind: 'ConfigMap' | 'Secret', name: string): Readonly<Record<string, string>>;
}

export function renderOverlay(directory: string): Manifests {
  const text = execFileSync('kubectl', ['kustomize', directory], { encoding: 'utf8', maxBuffer: 1 << 26 });
  const objects = parseAllDocuments(text).map((document) => document.toJS() as KubeObject);
  const find = (kind: string, name: string) => {
    const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
    if (found === undefined) throw new Error(`${directory} has no ${kind} ${name}`);
    return found;
  };
  return {
    pod(kind, name) {
      const { spec } = find(kind, name);
      const pod = spec?.jobTemplate?.spec.template.spec ?? spec?.template?.spec;
      if (pod === undefined) throw new Error(`${kind} ${name} has no pod`);
      return pod;
    },
    names: (kind) => objects.filter((object) => object.kind === kind).map(({ metadata }) => metadata.name),
    data(kind, name) {
      const { data = {}, stringData = {} } = find(kind, name);
      if (kind === 'ConfigMap') return data;
      const decoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]);
      return { ...Object.fromEntries(decoded), ...stringData };
    },
  };
}

/** Parses a quantity such as `256Mi` to bytes. */
export function bytesOf(quantity: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)([KMG]i?)?$/.exec(quantity) ?? [];
  const factor = { '': 1, K: 1e3, M: 1e6, G: 1e9, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 }[unit];
  if (number === '' || factor === undefined) throw new Error(`${quantity} is not a quantity of memory`);
  return Number(number) * factor;
}
