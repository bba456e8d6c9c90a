import type { EchoStepTemplate, RepeatInput, Workflow, WorkflowTemplate, createCivitaiClient } from '@civitai/client';
import { submitWorkflow } from '@civitai/client';

import { data } from './report';

export type Client = ReturnType<typeof createCivitaiClient>;

export const FINAL = ['succeeded', 'failed', 'expired', 'canceled'];

/** A step whose members the client's types do not know about in a union of steps. */
export type Step = WorkflowTemplate['steps'][number] & { input: unknown; output?: unknown };

export function echo(message: unknown, members: Partial<EchoStepTemplate> = {}): Step {
  return { $type: 'echo', input: { message }, ...members };
}

/** A small image, made by whichever provider there is. */
export function image(prompt: unknown, members: Record<string, unknown> = {}): Step {
  return { $type: 'textToImage', input: { prompt, width: 512, height: 512, ...members } };
}

/** A step done once for each `item` of an array. The client's unions of steps lack it, so programs have to cast. */
export function repeat(source: string, path: string, template: Step): Step {
  const input: RepeatInput = { for: { $ref: source, path, as: 'item' }, template };
  return { $type: 'repeat', input } as Step;
}

/** Images that wait for one another, so that there is time to do something before the last is made. */
export function chain(length: number): Step[] {
  return Array.from({ length }, (_, index) =>
    image(index === 0 ? 'a horse' : { $ref: `$${index - 1}`, path: 'output.images[0].id' }, {
      width: 1024,
      height: 1024,
    }),
  );
}

/** A name that no other run of this program uses. */
export function unique(prefix: string): string {
  return `${prefix}-${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}`;
}

/** Submits steps and waits for the end of the workflow. */
export async function finished(
  client: Client,
  steps: Step[],
  members: Partial<WorkflowTemplate> = {},
): Promise<Workflow & { id: string; steps: Step[] }> {
  const body = { steps, currencies: [], ...members };
  return data(await submitWorkflow({ client, body, query: { wait: 60 } }), 200) as Workflow & {
    id: string;
    steps: Step[];
  };
}
