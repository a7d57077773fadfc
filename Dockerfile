# The server with the playground. It is given a database: docker run -p 5080:5080 -e DATABASE_URL=postgres://user:password@host/database syncengine

# The client and the playground, whose files the server serves.
FROM node:22-bookworm-slim AS playground
WORKDIR /source/client-ts
COPY client-ts/package.json client-ts/package-lock.json ./
RUN npm ci
COPY client-ts/ ./
RUN npm run build
WORKDIR /source/client-ts/playground
RUN npm ci && npm run build

FROM mcr.microsoft.com/dotnet/sdk:10.0 AS server
WORKDIR /source
COPY global.json Directory.Build.props Directory.Packages.props BannedSymbols.txt .editorconfig ./
COPY src/SyncEngine/*.csproj src/SyncEngine/packages.lock.json src/SyncEngine/
COPY src/SyncEngine.Postgres/*.csproj src/SyncEngine.Postgres/packages.lock.json src/SyncEngine.Postgres/
COPY src/SyncEngine.Connectors/*.csproj src/SyncEngine.Connectors/packages.lock.json src/SyncEngine.Connectors/
COPY src/SyncEngine.Server/*.csproj src/SyncEngine.Server/packages.lock.json src/SyncEngine.Server/
RUN dotnet restore src/SyncEngine.Server --locked-mode
COPY sql/ sql/
COPY src/ src/
COPY --from=playground /source/client-ts/ client-ts/
RUN dotnet publish src/SyncEngine.Server --configuration Release --no-restore --output /app

FROM mcr.microsoft.com/dotnet/aspnet:10.0
WORKDIR /app
COPY --from=server /app ./
COPY --from=playground /source/client-ts/playground/dist ./playground
ENV ASPNETCORE_URLS=http://+:5080
EXPOSE 5080
USER $APP_UID
ENTRYPOINT ["dotnet", "SyncEngine.Server.dll"]
