"""Long work on images: interoperable import, the tasks that carry it, and the plugins that data passes on its way in.
Works through the use-cases and ports; opens neither the registry nor a store itself."""
