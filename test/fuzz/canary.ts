/** Stands in the namespace of the honest user only. */
export const canary = 'canary-5d21e0f8';
