/**
 * Fields that a member fills in for itself: never written by us, never counted as drift. Data, by
 * type.
 */

export interface AllocatedField {
  /** Path of fields; '[]' goes through every item of a list. */
  readonly path: readonly string[];
  /** Values that are the user's word after all and are written. */
  readonly unless?: (value: unknown) => boolean;
  /** Set by a client without the user asking, so that dropping it is worth no warning. */
  readonly silent?: boolean;
}

const headless = (value: unknown): boolean =>
  value === 'None' || (Array.isArray(value) && value[0] === 'None');

const webhookBundle: readonly AllocatedField[] = [
  { path: ['webhooks', '[]', 'clientConfig', 'caBundle'] },
];

/** By these a Job knows its pods; each API server makes them anew. */
const jobLabels = [
  ...['controller-uid', 'batch.kubernetes.io/controller-uid'],
  ...['job-name', 'batch.kubernetes.io/job-name'],
];

/** Keyed as `resource` or `resource.group`. */
export const allocatedFields: Readonly<Record<string, readonly AllocatedField[]>> = {
  services: [
    { path: ['spec', 'clusterIP'], unless: headless },
    { path: ['spec', 'clusterIPs'], unless: headless },
    { path: ['spec', 'healthCheckNodePort'] },
    { path: ['spec', 'ports', '[]', 'nodePort'] },
  ],
  persistentvolumeclaims: [{ path: ['spec', 'volumeName'] }],
  serviceaccounts: [{ path: ['secrets'] }],
  'jobs.batch': [
    ...jobLabels.map((label) => ({ path: ['metadata', 'labels', label], silent: true })),
    { path: ['spec', 'selector'], silent: true },
    ...jobLabels.map((label) => ({
      path: ['spec', 'template', 'metadata', 'labels', label],
      silent: true,
    })),
  ],
  'mutatingwebhookconfigurations.admissionregistration.k8s.io': webhookBundle,
  'validatingwebhookconfigurations.admissionregistration.k8s.io': webhookBundle,
  'apiservices.apiregistration.k8s.io': [{ path: ['spec', 'caBundle'] }],
  'customresourcedefinitions.apiextensions.k8s.io': [
    { path: ['spec', 'conversion', 'webhook', 'clientConfig', 'caBundle'] },
  ],
  namespaces: [{ path: ['spec'], silent: true }],
  pods: [{ path: ['spec', 'nodeName'] }, { path: ['spec', 'ephemeralContainers'] }],
};
