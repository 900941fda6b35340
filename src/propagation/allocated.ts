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
    { path: ['spec', 'selector'], silent: true },
    { path: ['spec', 'template', 'metadata', 'labels', 'controller-uid'], silent: true },
    {
      path: ['spec', 'template', 'metadata', 'labels', 'batch.kubernetes.io/controller-uid'],
      silent: true,
    },
    { path: ['spec', 'template', 'metadata', 'labels', 'job-name'], silent: true },
    {
      path: ['spec', 'template', 'metadata', 'labels', 'batch.kubernetes.io/job-name'],
      silent: true,
    },
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
