/** Whether a list of names, or of prefixes that end with `*`, has the model. */
export function listsModel(list: readonly string[], model: string): boolean {
  return list.some((entry) => (entry.endsWith('*') ? model.startsWith(entry.slice(0, -1)) : model === entry));
}

/** `auto` and `auto:<policy>` are no models: the router chooses one by the prompt, among those the asker may use. */
export function isAuto(model: string): boolean {
  return model === 'auto' || model.startsWith('auto:');
}
