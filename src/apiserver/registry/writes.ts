/**
 * Creates and changes objects: prepare, accept, account for owners, commit; again when somebody was
 * quicker.
 */
import { recordsGroup } from '../../api/records.ts';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { applyDefaults } from '../../kube/defaults.ts';
import { deepEqual } from '../../kube/json.ts';
import { updateManagedFields } from '../../kube/managed-fields.ts';
import type { Json, KubeObject, ObjectMeta } from '../../kube/object.ts';
import type { ResourceType } from '../../kube/resource.ts';
import { alreadyExists, conflict, invalid, isApiError, notFound } from '../../kube/status.ts';
import { storedForm } from '../../kube/stored-form.ts';
import { hasMisfit } from '../../kube/typed-check.ts';
import { type DecodeOptions, decodeObject } from '../../kube/validate.ts';
import { invalidValue } from '../../kube/validate-meta.ts';
import { PreconditionError } from '../../store/store.ts';
import { type Admit, admitAll } from '../admission.ts';
import type {
  ObjectRef,
  RequestContext,
  WriteBody,
  WriteOptions,
  WriteResult,
} from '../backend.ts';
import { accept, validateWritten } from './acceptance.ts';
import { type Collections, keyBelow, type LiveCollection } from './collections.ts';
import { type Commits, modified } from './commit.ts';
import { itemOfObject, type StoredItem } from './item.ts';
import type { NamespaceGate } from './namespaces.ts';
import {
  generatedName,
  newMeta,
  splitBySubresource,
  updatedMeta,
  withGeneration,
  withRef,
  withTypeMeta,
} from './prepare.ts';
import { isRemovable, type Removals } from './removals.ts';
import { Settling } from './settling.ts';
import { hasSubresource, type TypeBook, type TypeFacts } from './type-facts.ts';
import { rulesOf } from './type-rules.ts';
import { type Form, formOf, isStoredAs, servedAs } from './versions.ts';
import { resetFieldsOf, writeRulesOf } from './write-rules.ts';

/** As kube-apiserver: other random suffixes are tried when a generated name is taken. */
const generatedNamesMax = 8;
/** Lost races of one write before the client is told. */
const racesMax = 16;

export interface WritesOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly types: TypeBook;
  readonly collections: Collections;
  readonly commits: Commits;
  readonly gate: NamespaceGate;
  readonly removals: Removals;
  /** Before validation. */
  readonly mutate?: Admit | undefined;
  readonly admit: Admit;
}

/** What a body or a patch makes of an object. */
export interface Candidate {
  /** metadata.resourceVersion and uid, when set, are preconditions. */
  readonly object: KubeObject;
  /** Duplicate fields in the body, as the decoder words them. */
  readonly problems?: readonly string[];
  /** The patch that made it, for the message when what it makes cannot be decoded. */
  readonly patch?: TellablePatch;
  /** metadata.managedFields is right already (server-side apply). */
  readonly managed?: boolean;
  /** Admission was asked about what makes it; it is neither asked again nor counts as a change. */
  readonly admitted?: boolean;
  readonly nameGenerated?: boolean;
  /** The configuration that an apply has merged into it. */
  readonly applied?: KubeObject;
}

/** A patch as kube-apiserver's refusals tell it. */
export interface TellablePatch {
  text(): string;
  /** Why a value of the patch does not fit its field, if told otherwise than in bodies. */
  misfit?(found: Json, wanted: string): string;
}

export interface Modification {
  /** Called again with the newer object after a lost race; undefined: nothing to change. */
  make(old: KubeObject, facts: TypeFacts): Candidate | undefined;
  /** What the client sent, where that does not depend on the object: refused first when wrong. */
  readonly sent?: Candidate;
  /** Makes the object when there is none; absent: 404. */
  makeNew?(facts: TypeFacts): Candidate;
}

interface Write {
  readonly context: RequestContext;
  readonly ref: ObjectRef;
  readonly options: WriteOptions;
  readonly facts: TypeFacts;
  readonly form: Form;
  readonly live: LiveCollection;
}

export class Writes {
  readonly #options: WritesOptions;

  constructor(options: WritesOptions) {
    this.#options = options;
  }

  async create(
    context: RequestContext,
    ref: ObjectRef,
    body: WriteBody,
    options: WriteOptions,
  ): Promise<WriteResult> {
    const write = await this.#begin(context, ref, options);
    return this.#create(write, { object: body.object, problems: body.problems });
  }

  async modify(
    context: RequestContext,
    ref: ObjectRef,
    modification: Modification,
    options: WriteOptions,
  ): Promise<WriteResult> {
    const write = await this.#begin(context, ref, options);
    const { facts, form, live } = write;
    for (let races = 0; ; races++) {
      const current = live.items.get(keyBelow(ref));
      try {
        if (current !== undefined) {
          const served = servedAs(current, form);
          const old = served.object();
          const candidate = modification.make(old, facts);
          return candidate === undefined
            ? { item: served, created: false }
            : await this.#update(write, { current, old, candidate });
        }
        if (modification.makeNew === undefined) {
          if (modification.sent !== undefined) decodeCandidate(write, modification.sent);
          throw notFound(ref.type, ref.name);
        }
        return await this.#create(write, modification.makeNew(facts));
      } catch (error) {
        const raced =
          error instanceof PreconditionError ||
          (current === undefined && isApiError(error, 'AlreadyExists'));
        if (!raced) throw error;
        if (races >= racesMax) throw modified(ref.type, ref.name);
      }
    }
  }

  async #begin(context: RequestContext, ref: ObjectRef, options: WriteOptions): Promise<Write> {
    const { types, collections } = this.#options;
    const live = await collections.load(ref.type);
    const form = formOf(ref.type, types);
    for (const text of form.facts.skew ?? []) context.warn(text);
    return { context, ref, options, facts: form.facts, form, live };
  }

  async #create(write: Write, candidate: Candidate): Promise<WriteResult> {
    const { ref } = write;
    const { metadata: sent = {} } = candidate.object;
    const { namespace } = ref;
    const checkNamespace = await this.#options.gate.open(ref.type, { ...sent, namespace });
    const decoded = decodeCandidate(write, candidate);
    const object = { ...decoded, metadata: withRef(decoded.metadata, ref) };
    for (let tries = 1; ; tries++) {
      const generated = generatedName(object.metadata, this.#options.random);
      const metadata =
        generated === undefined ? object.metadata : { ...object.metadata, name: generated };
      const named = { ...object, metadata };
      try {
        const nameGenerated = generated !== undefined;
        return await this.#createNamed(
          write,
          { ...candidate, object: named, nameGenerated },
          checkNamespace,
        );
      } catch (error) {
        const taken = generated !== undefined && isApiError(error, 'AlreadyExists');
        if (!taken || tries >= generatedNamesMax) throw error;
      }
    }
  }

  async #createNamed(
    write: Write,
    candidate: Candidate,
    checkNamespace: () => void,
  ): Promise<WriteResult> {
    const { context, options, facts, form, live } = write;
    const { type, namespace } = write.ref;
    const { clock, random, mutate, admit, commits } = this.#options;
    const ref = { type, namespace, name: candidate.object.metadata.name ?? '' };
    const key = keyBelow(ref);
    const taken = live.items.get(key);
    const now = clock.now();
    const metadata = newMeta(candidate.object.metadata, { type, random, now });
    let object: KubeObject = { ...candidate.object, metadata };
    const hasStatus = hasSubresource(type, 'status');
    const prepare = (sent: KubeObject): KubeObject => {
      const { status: _status, ...rest } = sent;
      const bare = hasStatus ? (rest as KubeObject) : sent;
      return applyDefaults(facts.schema, rulesOf(type).prepare?.(bare, undefined, '') ?? bare);
    };
    object = prepare(object);
    if (taken !== undefined) {
      // What is wrong with the object is told first, but admission is not asked for nothing.
      const request = { type, ref, object, old: undefined, options, onSettled: () => {} };
      validateWritten(context, { operation: 'CREATE', ...request }, facts);
      throw alreadyExists(type, ref.name, taken.deleting);
    }
    // Before admission, as in kube-apiserver: what admission changes belongs to nobody.
    if (candidate.managed !== true && isTracked(type))
      object = withManagedFields(object, {
        schema: facts.schema,
        live: undefined,
        object,
        manager: options.fieldManager,
        now,
        resetFields: resetFieldsOf(type, {
          subresource: '',
          hasStatus,
          native: facts.schema.native,
        }),
      });
    const complete = (sent: KubeObject): KubeObject => rulesOf(type).complete?.(sent) ?? sent;
    object = complete(storedForm(facts.schema, object));
    const settling = new Settling();
    const { nameGenerated = false } = candidate;
    try {
      object = await accept(
        context,
        {
          ...{ operation: 'CREATE', type, ref, object, old: undefined, options, nameGenerated },
          onSettled: settling.add,
        },
        { facts, mutate, prepare: (sent) => complete(prepare(sent)), admit },
      );
      if (options.dryRun) return { item: itemOfObject(object, ''), created: true };
      checkNamespace();
      const put = commits.put(live.items.prefix + key, storedAs(object, facts), 0);
      const item = await commits.write(live, put);
      return { item: servedAs(item, form), created: true };
    } catch (error) {
      if (error instanceof PreconditionError) throw alreadyExists(type, ref.name);
      throw error;
    } finally {
      settling.settle();
    }
  }

  async #update(
    write: Write,
    { current, old, candidate }: { current: StoredItem; old: KubeObject; candidate: Candidate },
  ): Promise<WriteResult> {
    const { ref, facts } = write;
    const decoded = decodeCandidate(write, candidate);
    checkPreconditions(decoded.metadata, current, { ref, native: facts.schema.native });
    const settling = new Settling();
    try {
      const parts = { old, decoded, candidate };
      const object = await this.#updated(write, parts, settling);
      return await this.#commitUpdate(write, { current, old, object });
    } finally {
      settling.settle();
    }
  }

  async #commitUpdate(
    { context, ref, options, facts, form, live }: Write,
    { current, old, object }: { current: StoredItem; old: KubeObject; object: KubeObject },
  ): Promise<WriteResult> {
    const { type } = ref;
    const { resourceVersion: _version, ...oldMeta } = old.metadata;
    // As kube-apiserver: what reading has added to a custom object is stored by the next write.
    const stands = facts.custom === undefined || isStoredAs(current, form) || options.dryRun;
    if (stands && deepEqual(object, { ...old, metadata: oldMeta }))
      return { item: servedAs(current, form), created: false };
    if (options.dryRun) {
      return { item: itemOfObject(object, current.resourceVersion), created: false };
    }
    if (isRemovable(object)) {
      const removal = { type, item: current, options: undefined, user: context.user };
      await this.#options.removals.remove(live, keyBelow(ref), removal);
      return { item: itemOfObject(object, current.resourceVersion), created: false };
    }
    const { commits } = this.#options;
    const key = live.items.prefix + keyBelow(ref);
    const put = commits.put(key, storedAs(object, facts), current.revision);
    const item = await commits.write(live, put);
    return { item: servedAs(item, form), created: false };
  }

  /** The whole object as it is to be stored, without resourceVersion. */
  async #updated(
    { context, ref, options, facts }: Write,
    {
      old,
      decoded,
      candidate: { object: made, applied: sent = made, managed = false, admitted = false },
    }: { old: KubeObject; decoded: KubeObject; candidate: Candidate },
    settling: Settling,
  ): Promise<KubeObject> {
    const { type, subresource = '' } = ref;
    const { schema } = facts;
    const steady = subresource === 'status' || subresource === 'binding';
    const prepare = (next: KubeObject): KubeObject => {
      let object = splitBySubresource(next, old, { type, subresource, native: schema.native });
      const { resourceVersion: _version, ...meta } = object.metadata;
      object = { ...object, metadata: meta };
      object = rulesOf(type).prepare?.(object, old, subresource) ?? object;
      object = applyDefaults(schema, object);
      if (steady) return object;
      const { generation } = withGeneration(storedForm(schema, object), old, {
        type,
        sent,
      }).metadata;
      if (generation === object.metadata.generation) return object;
      return { ...object, metadata: { ...object.metadata, generation: generation! } };
    };
    const metadata = updatedMeta(withRef(decoded.metadata, ref), old.metadata);
    let object = prepare({ ...decoded, metadata });
    if (!managed && !isTyped(facts, decoded, ref))
      object = { ...object, metadata: withOwnersOf(object.metadata, old.metadata) };
    else if (!managed && isTracked(type))
      object = withManagedFields(object, {
        schema,
        live: old,
        object,
        manager: options.fieldManager,
        now: this.#options.clock.now(),
        resetFields: resetFieldsOf(type, {
          subresource,
          hasStatus: hasSubresource(type, 'status'),
          native: schema.native,
        }),
        ...(subresource === '' ? {} : { subresource }),
      });
    object = storedForm(schema, object);
    const { mutate, admit } = admitted ? asAsked : this.#options;
    const accepted = await accept(
      context,
      { operation: 'UPDATE', type, ref, object, old, options, onSettled: settling.add },
      { facts, mutate, prepare, admit },
    );
    // An admission function that changed the spec after all of this makes it a new generation, too.
    if (accepted === object || steady) return accepted;
    return withGeneration(accepted, old, { type, sent: accepted });
  }
}

const asAsked = { mutate: undefined, admit: admitAll([]) };

function decodeCandidate(
  { context, ref, options, facts }: Write,
  candidate: Candidate,
): KubeObject {
  const typed = withTypeMeta(candidate.object, ref.type);
  return decodeObject({
    schema: facts.schema,
    object: { ...typed, metadata: typed.metadata ?? {} },
    problems: candidate.problems ?? [],
    fieldValidation: options.fieldValidation,
    warn: (text) => context.warn(text),
    keepsNulls: candidate.managed === true,
    ...refusalOf(candidate),
  });
}

/** Most of a patch that a refusal repeats, characters. */
const shownPatchMax = 16 * 1024;

/** What a patch makes wrong is invalid, what a body brings is no such object at all. */
function refusalOf({ patch }: Candidate): Pick<DecodeOptions, 'refuse'> {
  if (patch === undefined) return {};
  return {
    refuse(why, misfit) {
      const text = patch.text();
      const shown = text.length > shownPatchMax ? `${text.slice(0, shownPatchMax)}…` : text;
      const words = misfit && patch.misfit?.(misfit.found, misfit.wanted);
      return invalid({ group: '', kind: '' }, '', [invalidValue('patch', shown, words ?? why)]);
    },
  };
}

/**
 * False where kube-apiserver does not see who changed what: a custom object's part that this
 * endpoint does not write, and so nobody validates, has another structure than its schema.
 */
function isTyped(
  { schema }: TypeFacts,
  object: KubeObject,
  { type, subresource }: ObjectRef,
): boolean {
  if (schema.native || !hasSubresource(type, 'status')) return true;
  const { metadata: _metadata, status, ...rest } = object;
  if (subresource === 'status') return !hasMisfit(schema.root, rest as unknown as Json);
  return status === undefined || !hasMisfit(schema.root, { status: status as Json });
}

function withOwnersOf(metadata: ObjectMeta, { managedFields }: ObjectMeta): ObjectMeta {
  const { managedFields: _sent, ...rest } = metadata;
  return managedFields === undefined ? rest : { ...rest, managedFields };
}

/** The federation's own records have one writer: nobody asks who manages which field. */
function isTracked({ group }: ResourceType): boolean {
  return group !== recordsGroup;
}

function withManagedFields(
  object: KubeObject,
  options: Parameters<typeof updateManagedFields>[0],
): KubeObject {
  const managedFields = updateManagedFields(options);
  const { managedFields: _sent, ...metadata } = object.metadata;
  if (managedFields === undefined) return { ...object, metadata };
  return { ...object, metadata: { ...metadata, managedFields } };
}

function storedAs(object: KubeObject, facts: TypeFacts): KubeObject {
  return object.apiVersion === facts.storedAs ? object : { ...object, apiVersion: facts.storedAs };
}

/**
 * @throws ApiError 409 when the body speaks of another version or another object, 422 when it must
 * name a version
 */
function checkPreconditions(
  meta: ObjectMeta,
  current: StoredItem,
  { ref, native }: { ref: ObjectRef; native: boolean },
): void {
  const { uid = '', resourceVersion = '' } = meta;
  if (uid !== '' && uid !== current.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.uid}`;
    throw conflict(ref.type, ref.name, why);
  }
  if (resourceVersion === '' || resourceVersion === '0') {
    if (native && !writeRulesOf(ref.type)?.needsVersion) return;
    // kube-apiserver names the resource here, not the kind.
    throw invalid({ group: ref.type.group, kind: ref.type.resource }, ref.name, [
      {
        reason: 'FieldValueInvalid',
        message: 'Invalid value: 0: must be specified for an update',
        field: 'metadata.resourceVersion',
      },
    ]);
  }
  if (resourceVersion !== current.resourceVersion) throw modified(ref.type, ref.name);
}
