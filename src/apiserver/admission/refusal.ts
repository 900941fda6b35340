/** 403 of an admission function, in kube-apiserver's words. */
import { quoteGo } from '../../kube/quote.ts';
import { groupResource } from '../../kube/resource.ts';
import { ApiError } from '../../kube/status.ts';
import type { AdmissionRequest } from '../admission.ts';

/** `deployments.apps "web" is forbidden: WHY` */
export function forbiddenBy(
  { type, name }: { type: AdmissionRequest['type']; name: string },
  why: string,
): ApiError {
  const subject = name === '' ? groupResource(type) : `${groupResource(type)} ${quoteGo(name)}`;
  return new ApiError('Forbidden', `${subject} is forbidden: ${why}`, {
    details: {
      ...(name !== '' && { name }),
      ...(type.group !== '' && { group: type.group }),
      kind: type.resource,
    },
  });
}
