import type { Model } from './model.ts';
import { revisionOf, shapeOf, type EngineDefaults, type Shape } from './shape.ts';

interface Current {
  readonly spec: Model['spec'];
  readonly shape: Shape;
  readonly revision: string;
}

/** What one Model's pods are to be made from, and its version: worked out once for as long as its spec is the same object. */
export class CurrentShape {
  private current: Current | undefined;

  constructor(
    private readonly chartVersion: string,
    private readonly defaults: EngineDefaults,
  ) {}

  of({ metadata, spec }: Model): Current {
    if (this.current?.spec === spec) return this.current;
    const shape = shapeOf(metadata.name, spec);
    this.current = { spec, shape, revision: revisionOf(shape, this.chartVersion, this.defaults) };
    return this.current;
  }
}
